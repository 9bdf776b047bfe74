"""How a report looks: its HTML as a Jinja template that escapes all it is given, its style and its script.

The page fetches nothing. Its policy names both scripts by their hashes: whatever a text holds, nothing else
runs, even where a browser would read it as HTML.
"""

STYLE = """
:root { color-scheme: light; --ink: #222; --soft: #5a5a5a; --line: #dcdcdc; --tint: #f5f6f8; --link: #1b5a96 }
* { box-sizing: border-box }
body { margin: 0; color: var(--ink); background: #fff; font: 16px/1.5 system-ui, sans-serif }
main, header { max-width: 1080px; margin: 0 auto; padding: 0 20px }
header { padding-top: 28px }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; padding-top: .6rem; border-top: 2px solid var(--line) }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .3rem; overflow-wrap: anywhere }
p, li, figcaption, td.text, .facts td { overflow-wrap: anywhere }
.soft, figcaption { color: var(--soft); font-size: .92rem }
.warning { border-left: 4px solid #b2182b; background: #fdf3f3; padding: .6rem .9rem; margin: 1rem 0 }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1rem; padding: .8rem 0; font-size: .95rem }
a { color: var(--link) }
figure { margin: 1.2rem 0 2rem }
.chart { width: 100% }
details { margin: .4rem 0 }
summary { cursor: pointer; color: var(--link); font-size: .92rem }
.scroll { overflow-x: auto; max-width: 100% }
table { border-collapse: collapse; font-size: .86rem; margin: .5rem 0; min-width: 40% }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid var(--line) }
th { background: var(--tint); font-weight: 600 }
td.text { min-width: 15rem; max-width: 34rem; white-space: pre-wrap }
.facts th { width: 13rem; background: none }
.facts td { white-space: pre-wrap }
code, pre { font: .86rem/1.45 ui-monospace, monospace; background: var(--tint) }
code { padding: .1rem .3rem; overflow-wrap: anywhere }
pre { padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0 }
@media (max-width: 600px) {
  main, header { padding: 0 12px } h1 { font-size: 1.35rem } .facts th { width: 7rem }
  .facts th, .facts td { padding: .25rem .3rem } td.text { min-width: 11rem }
}
@media print { nav, .modebar { display: none } figure { break-inside: avoid } }
"""

SCRIPT = """
const narrow = 600, line = 19, width = 22;
const wrapped = (text) => text.split(' ').reduce(
  (lines, word) => lines.length && (lines.at(-1) + word).length < width
    ? [...lines.slice(0, -1), lines.at(-1) + ' ' + word] : [...lines, word], []).join('<br>');
function fitNarrow({data, layout}) {
  const named = data.filter((trace) => trace.name && trace.showlegend !== false).length;
  layout.height += layout.showlegend === false ? 0 : line * named;
  layout.legend = {...layout.legend, maxheight: 1, font: {size: 10}};
  layout.font = {...layout.font, size: 10};
  for (const note of layout.annotations ?? [])
    if (note.text.length > 2 * width) note.text = note.text.split(':')[0];
  for (const [key, part] of Object.entries(layout))
    if (/^[xy]axis/.test(key) && part.title?.text) part.title.text = wrapped(part.title.text);
}
for (const [name, figure] of Object.entries(figures)) {
  const place = document.getElementById(name);
  if (place.clientWidth < narrow) fitNarrow(figure);
  const asSvg = {
    name: 'svg', title: 'Download plot as SVG', icon: Plotly.Icons.disk,
    click: (drawn) => Plotly.downloadImage(drawn, {format: 'svg', filename: name}),
  };
  Plotly.newPlot(place, figure.data, figure.layout, {
    responsive: true, displaylogo: false, modeBarButtonsToAdd: [asSvg],
    toImageButtonOptions: {format: 'png', filename: name, scale: 2},
  });
}
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Telltale: run {{ run.run }}</title>
<style>{{ style }}</style>
</head>
<body>
{% macro grid(table) -%}
<div class="scroll" tabindex="0" role="region" aria-label="table"><table>
<thead><tr>{% for name in table.columns %}<th scope="col">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in table.rows %}
<tr>{% for cell in row %}<td{% if cell|length > 40 %} class="text"{% endif %}>{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}</tbody></table></div>
{% if table.more %}<p class="soft">{{ table.more }}</p>{% endif %}
{%- endmacro %}
{% macro listed(facts) -%}
<div class="scroll" tabindex="0" role="region" aria-label="facts"><table class="facts">
<tbody>{% for name, value in facts %}
<tr><th scope="row">{{ name }}</th><td>{{ value }}</td></tr>{% endfor %}</tbody></table></div>
{%- endmacro %}
<header>
<h1>{{ run.title }}</h1>
<p class="soft">{{ standing }}</p>
{% for warning in warnings %}<p class="warning">{{ warning }}</p>
{% endfor %}
<nav aria-label="Sections">{% for name, title in contents %}<a href="#{{ name }}">{{ title }}</a>
{% endfor %}</nav>
</header>
<main>
<h2 id="findings">What it comes to</h2>
{% if findings %}<ul>{% for finding in findings %}<li>{{ finding }}</li>
{% endfor %}</ul>
{% else %}<p>Nothing was measured that can be said in a sentence.</p>
{% endif %}
{% for section in sections %}
<h2 id="{{ section.name }}">{{ section.title }}</h2>
{% for figure in section.figures %}
<figure>
<h3>{{ figure.title }}</h3>
<div class="chart" id="{{ figure.name }}" role="img" aria-label="{{ figure.title }}"
 style="min-height: {{ figure.height }}px"></div>
<figcaption>{% if figure.finding %}<strong>{{ figure.finding }}</strong> {% endif %}
{{ figure.caption }}</figcaption>
<details><summary>The figures behind it</summary>{{ grid(figure.table) }}
<p class="soft">The same in a shell: <code>{{ figure.command }}</code></p></details>
</figure>
{% endfor %}
{% for absent in section.absent %}
<h3>{{ absent.title }}</h3>
<p>Not in this report: {{ absent.why }}.
{% if absent.command %}<code>{{ absent.command }}</code>{% endif %}</p>
{% endfor %}
{% if section.log %}<h3>What the test questions have judged so far</h3>
<p class="soft">The best of many configurations looks better than it is.</p>{{ grid(section.log) }}{% endif %}
{% endfor %}
<h2 id="methods">Methods</h2>
{% for paragraph in methods %}<p>{{ paragraph }}</p>
{% endfor %}
<h3>References</h3>
<ol>{% for reference in references %}<li>{{ reference }}</li>
{% endfor %}</ol>
<h2 id="settings">Settings</h2>
{{ listed(settings) }}
<h2 id="answers-to-read">Answers to read</h2>
<p class="soft">{{ each }} answers of each cell at most, drawn by a seed; dropped ones are among them, and
say so.</p>
{% for cell in cells %}
<details><summary>{{ cell.title }} · {{ cell.shown }} of {{ cell.n }}</summary>
{{ grid(cell.table) }}</details>
{% endfor %}
<h2 id="trail">Pruning trail</h2>
{% if trail %}{{ grid(trail) }}
{% else %}<p>Nobody has decided anything about this run's answers.</p>
{% endif %}
<h2 id="model">Model</h2>
{{ listed(model) }}
{% if card %}<details><summary>Its card, as it lies beside it</summary><pre>{{ card }}</pre></details>
{% endif %}
<h2 id="again">Again</h2>
<p>This finds the run, or makes it where it is not there:</p>
<pre>{{ repeat.command }}</pre>
{% if repeat.template %}<p>with this as <code>{{ template_file }}</code>:</p><pre>{{ repeat.template }}</pre>
{% endif %}
{% for note in repeat.notes %}<p class="soft">{{ note }}</p>
{% endfor %}
<p>and this report: <code>telltale report {{ run.run }}</code></p>
<h3>Versions that wrote this report</h3>
<p class="soft">A run does not keep those that harvested it.</p>
{{ listed(versions) }}
</main>
<script>{{ plotly }}</script>
<script>{{ drawing }}</script>
</body>
</html>
"""
