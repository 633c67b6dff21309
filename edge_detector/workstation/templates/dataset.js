// The filters, and the dialog that shows one picture large: buttons and arrow keys go on, Escape closes it.
const grid = document.querySelector(".grid");
const figures = grid ? [...grid.querySelectorAll("figure")] : [];
const dialog = document.querySelector("dialog");
const [nameFilter, problemFilter, count] = ["#of-class", "#with-problems", "#count"].map((each) => document.querySelector(each));
let current = 0;

const shown = () => figures.filter((figure) => !figure.hidden);

function filter() {
  const empty = "empty" in nameFilter.selectedOptions[0].dataset;
  for (const figure of figures) {
    const classes = JSON.parse(figure.dataset.classes);
    const wanted = nameFilter.value === "" || (empty ? classes.length === 0 : classes.includes(nameFilter.value));
    figure.hidden = !(wanted && (!problemFilter.checked || figure.dataset.problems !== "0"));
  }
  count.textContent = `${shown().length} of ${figures.length} pictures`;
}

function show(place) {
  const visible = shown();
  current = (place + visible.length) % visible.length;
  const figure = visible[current];
  dialog.querySelector(".large").replaceChildren(figure.querySelector("svg").cloneNode(true));
  dialog.querySelector(".about").replaceChildren(...figure.querySelector("figcaption").cloneNode(true).childNodes);
}

if (grid) {
  for (const control of [nameFilter, problemFilter]) control.addEventListener("change", filter);
  grid.addEventListener("click", (event) => {
    const button = event.target.closest("button.look");
    if (!button) return;
    show(shown().indexOf(button.closest("figure")));
    dialog.showModal();
  });
  dialog.querySelector(".before").addEventListener("click", () => show(current - 1));
  dialog.querySelector(".after").addEventListener("click", () => show(current + 1));
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) show(current + step);
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => shown()[current]?.querySelector("button").focus());
  filter();
}
