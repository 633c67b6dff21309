// Words that the page makes of values.

export const percent = (fraction) => `${Math.round(100 * fraction)}%`;

export const capitalized = (text) => text[0].toUpperCase() + text.slice(1);

// With a capital letter and a full stop, unless it ends with a stop or a question mark.
export const sentence = (text) => capitalized(text) + (/[?.]$/.test(text) ? "" : ".");
