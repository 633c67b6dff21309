"""HTML reports, made of the templates in this package. A report is one file that needs no other file."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

# The colours of models, curves and swatches, chosen by Okabe and Ito so that colour-blind people can tell them apart.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def render_page(template: str, **values: object) -> str:
    """The page that ``template``, a file name in the folder templates, makes of the values.

    Text in the values is escaped. A report extends base.html, which needs a ``title``. Raises
    `jinja2.UndefinedError` for a value that the template needs and does not get.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("edge_detector.workstation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["colors"] = COLORS
    return environment
