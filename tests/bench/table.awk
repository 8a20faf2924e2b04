# SPDX-License-Identifier: BSD-2-Clause
#
# The figures as Markdown; after figures.awk.

function verdict(is_met)
{
	return is_met ? "met" : "**missed**"
}

# A bound of which one side was not measured is not shown.
function print_bound(line,    field, ours, theirs, what, ratio, limit)
{
	split(line, field, "\t")
	ours = field[1] SUBSEP field[2]
	theirs = field[1] SUBSEP field[3]
	if (!(ours in count) || !(theirs in count))
		return
	limit = field[5]
	if (field[4] == "processor") {
		ratio = processor[ours] / processor[theirs]
		what = sprintf("%.2f | %.2f", processor[ours], processor[theirs])
	} else {
		ratio = field[4] == "rate" ? median[theirs] / median[ours] : \
		    median[ours] / median[theirs]
		what = sprintf("%.2f | %.2f", median[ours], median[theirs])
	}
	printf "| %s | %s | %s | %s |",
	    title[field[1]] (field[4] == "processor" ? ", processor" : ""),
	    tool_name[field[2]], tool_name[field[3]], what
	if (field[4] == "rate")
		printf " rate × %.2f | ≥ %.2f | %s |\n", ratio, limit,
		    verdict(ratio >= limit)
	else
		printf " %.2f | ≤ %.2f | %s |\n", ratio, limit,
		    verdict(ratio <= limit)
}

function print_bounds(    i)
{
	if (bounds == 0)
		return
	print "\n| work | of | beside | seconds | to |" \
	    " ratio | must be | |"
	print "|---|---|---|--:|--:|--:|--:|---|"
	for (i = 1; i <= bounds; i++)
		print_bound(bound[i])
}

function print_facts(    i, field)
{
	if (facts == 0)
		return
	print "\n| what | measured | must be | |"
	print "|---|--:|--:|---|"
	for (i = 1; i <= facts; i++) {
		split(fact[i], field, "\t")
		printf "| %s | %s %s | ≤ %s | %s |\n", field[1], field[2],
		    field[3], field[4], verdict(field[2] + 0 <= field[4] + 0)
	}
}

# Every program in every case; the ratio is to ferry's time.
function print_case(name,    i, list, found)
{
	found = tools_of(name, list)
	for (i = 1; i <= found; i++)
		printf "| %s | %s | %.2f | %.2f-%.2f | %s | %s |\n",
		    i == 1 ? title[name] : "", tool_name[list[i]],
		    median[name, list[i]], low[name, list[i]],
		    high[name, list[i]], cost_of(name, list[i]),
		    times_ferry(name, list[i])
}

function times_ferry(name, tool)
{
	if (!((name, "ferry") in count))
		return ""
	return sprintf("%.2f", median[name, tool] / median[name, "ferry"])
}

function cost_of(name, tool)
{
	if (processor[name, tool] < 0)
		return ""
	return sprintf("%.2f", processor[name, tool])
}

function print_cases(    i)
{
	if (cases == 0)
		return
	print "\n| work | program | seconds | least-most |" \
	    " processor seconds, both ends | × ferry |"
	print "|---|---|--:|--:|--:|--:|"
	for (i = 1; i <= cases; i++)
		print_case(case_name[i])
}

function print_commands(    i)
{
	if (tools == 0)
		return
	print "\nWhat was run, besides port, key and known hosts:\n"
	for (i = 1; i <= tools; i++)
		printf "- %s: `%s`\n", tool_name[tool[i]], command[tool[i]]
}

BEGIN {
	for (i = 1; i <= machine_lines; i++)
		print machine[i]
	print_bounds()
	print_facts()
	print_cases()
	print_commands()
	if (notes > 0)
		print ""
	for (i = 1; i <= notes; i++)
		print "Note: " note_line[i] "."
}
