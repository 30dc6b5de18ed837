"""The report: the progress of the migration as one HTML file, as Markdown or as JSON.

`strangler.progress` has the facts; here they are only put into form. The HTML opens offline, with nothing loaded from
anywhere, in light and dark, on a phone and on A4. Keys and names of fields are shown, their values are not, so that
the report can be passed on.
"""

from strangler.report.render import FORMATS, render

__all__ = ["FORMATS", "render"]
