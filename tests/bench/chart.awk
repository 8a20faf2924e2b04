# SPDX-License-Identifier: BSD-2-Clause
#
# The figures as an SVG chart; after figures.awk.  One panel for each case, two
# side by side: bars are medians, whiskers the least and the most of seconds.
# The background is left to the page, and colours follow the reader's scheme.

function escape(text)
{
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	return text
}

function draw_text(x, y, class, what)
{
	printf "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y,
	    class, escape(what)
}

function draw_line(x1, y1, x2, y2, class)
{
	printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"" \
	    " class=\"%s\"/>\n", x1, y1, x2, y2, class
}

# Between marks of an axis that goes to most: 1, 2 or 5 times a power of ten.
function step_for(most,    power)
{
	for (power = 0.001; power * 10 < most / 5; power *= 10)
		;
	if (power * 2 >= most / 5)
		return power * 2
	return power * 5 >= most / 5 ? power * 5 : power * 10
}

function number(value)
{
	if (value >= 100)
		return sprintf("%.0f", value)
	return sprintf(value >= 10 ? "%.1f" : "%.2f", value)
}

function draw_axis(x, top, bottom, most,    step, at)
{
	step = step_for(most)
	# Rounding must not lose the last mark.
	for (at = 0; at <= most + step / 1000; at += step) {
		draw_line(x + at / most * plot, top, x + at / most * plot, bottom,
		    at == 0 ? "axis" : "grid")
		draw_text(x + at / most * plot, bottom + 14, "mark", at "")
	}
	draw_text(x + plot / 2, bottom + 29, "mark", "seconds")
}

function draw_bar(name, tool, x, y, most,    class, length_of_bar, middle)
{
	class = is_ours(tool) ? "ours" : tool == "iperf" ? "limit" : "other"
	length_of_bar = median[name, tool] / most * plot
	middle = y + bar / 2
	draw_text(x - 8, middle + 4, is_ours(tool) ? "name own" : "name",
	    tool_name[tool])
	printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"" \
	    " class=\"%s\"/>\n", x, y, length_of_bar, bar, class
	draw_line(x + low[name, tool] / most * plot, middle,
	    x + high[name, tool] / most * plot, middle, "spread")
	draw_line(x + low[name, tool] / most * plot, middle - 3,
	    x + low[name, tool] / most * plot, middle + 3, "spread")
	draw_line(x + high[name, tool] / most * plot, middle - 3,
	    x + high[name, tool] / most * plot, middle + 3, "spread")
	draw_text(x + high[name, tool] / most * plot + 6, middle + 4,
	    is_ours(tool) ? "value own" : "value", number(median[name, tool]))
}

# Height of a panel with so many bars.
function height_of(bars)
{
	return 26 + bars * row + 50
}

function draw_panel(name, x, y,    list, found, i, most)
{
	found = tools_of(name, list)
	most = 0
	for (i = 1; i <= found; i++)
		if (high[name, list[i]] > most)
			most = high[name, list[i]]
	draw_text(x, y + 14, "title", title[name])
	draw_axis(x + names, y + 24, y + 26 + found * row, most)
	for (i = 1; i <= found; i++)
		draw_bar(name, list[i], x + names, y + 28 + (i - 1) * row, most)
}

function print_style()
{
	print "<style>"
	print "text{font:12px system-ui,sans-serif;fill:#6e7781}"
	print ".title{font-size:14px;font-weight:600}"
	print ".own{font-weight:600}"
	print ".name{text-anchor:end}.mark{font-size:11px;text-anchor:middle}"
	print ".axis{stroke:#8c959f}.grid{stroke:#8c959f;stroke-opacity:.25}"
	print ".ours{fill:#2f81f7}.other{fill:#8c959f;fill-opacity:.6}"
	print ".limit{fill:none;stroke:#2da44e;stroke-dasharray:4 3}"
	print ".spread{stroke:#6e7781;stroke-width:1.5}"
	print "@media (prefers-color-scheme:light){text{fill:#24292f}" \
	    ".spread{stroke:#24292f}}"
	print "@media (prefers-color-scheme:dark){text{fill:#e6edf3}" \
	    ".spread{stroke:#e6edf3}}"
	print "</style>"
}

# Panels go to the column that is shorter; sets place_x[], place_y[], bottom.
function place_panels(    i, column, list, end)
{
	end[0] = end[1] = 44
	bottom = 60
	for (i = 1; i <= cases; i++) {
		if (tools_of(case_name[i], list) == 0)
			continue
		column = end[1] < end[0]
		place_x[i] = 16 + column * (panel + gap)
		place_y[i] = end[column]
		end[column] += height_of(tools_of(case_name[i], list)) + 14
		if (end[column] > bottom)
			bottom = end[column]
	}
}

BEGIN {
	names = 180; plot = 210; values = 50; gap = 24
	panel = names + plot + values
	row = 20; bar = 14
	width = 2 * panel + gap + 32
	place_panels()
	printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\"" \
	    " height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", width,
	    bottom, width, bottom
	print "<!-- SPDX-License-Identifier: BSD-2-Clause -->"
	print "<title>Seconds that ferry and others take</title>"
	print_style()
	draw_text(16, 24, "title", "Seconds that each takes: medians, and the" \
	    " least and the most; shorter is better")
	for (i = 1; i <= cases; i++)
		if (i in place_x)
			draw_panel(case_name[i], place_x[i], place_y[i])
	print "</svg>"
}
