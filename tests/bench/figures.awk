# SPDX-License-Identifier: BSD-2-Clause
#
# Reads what measure.bash wrote, from the folder "folder":
#
#	case_name[1..cases], title[CASE]
#	tool_name[TOOL], command[TOOL], tools in tool[1..tools]
#	count[CASE, TOOL]			how often it was timed
#	low[], median[], high[CASE, TOOL]	seconds
#	processor[CASE, TOOL]			median, of both ends; -1: unknown
#	bounds, facts, notes			lines of these, in bound[], ...

function read_file(name, lines,    count, line)
{
	count = 0
	while ((getline line < (folder "/" name)) > 0)
		lines[++count] = line
	close(folder "/" name)
	return count
}

# Sorts value[1..count].
function sort(value, count,    i, j, held)
{
	for (i = 2; i <= count; i++) {
		held = value[i]
		for (j = i - 1; j > 0 && value[j] > held; j--)
			value[j + 1] = value[j]
		value[j + 1] = held
	}
}

function median_of(value, count)
{
	sort(value, count)
	return (value[int((count + 1) / 2)] + value[int(count / 2) + 1]) / 2
}

function read_names(    lines, count, i, field)
{
	cases = read_file("cases", lines)
	for (i = 1; i <= cases; i++) {
		split(lines[i], field, "\t")
		case_name[i] = field[1]
		title[field[1]] = field[2]
	}
	count = read_file("names", lines)
	for (i = 1; i <= count; i++) {
		split(lines[i], field, "\t")
		if (!(field[1] in tool_name))
			tool[++tools] = field[1]
		tool_name[field[1]] = field[2]
		command[field[1]] = field[3]
	}
}

function read_runs(    lines, lines_count, i, j, field, key, seconds, cost)
{
	lines_count = read_file("runs", lines)
	for (i = 1; i <= lines_count; i++) {
		split(lines[i], field, "\t")
		key = field[1] SUBSEP field[2]
		count[key]++
		all_seconds[key, count[key]] = field[4] + 0
		all_costs[key, count[key]] = field[5] + 0
	}
	for (key in count) {
		for (j = 1; j <= count[key]; j++) {
			seconds[j] = all_seconds[key, j]
			cost[j] = all_costs[key, j]
		}
		median[key] = median_of(seconds, count[key])
		low[key] = seconds[1]
		high[key] = seconds[count[key]]
		processor[key] = median_of(cost, count[key])
	}
}

# Tools of a case, ferry's first, then the fastest; returns how many.
function tools_of(name, list,    i, j, found, held)
{
	found = 0
	for (i = 1; i <= tools; i++)
		if ((name, tool[i]) in count)
			list[++found] = tool[i]
	for (i = 2; i <= found; i++) {
		held = list[i]
		for (j = i - 1; j > 0 && goes_before(name, held, list[j]); j--)
			list[j + 1] = list[j]
		list[j + 1] = held
	}
	return found
}

function is_ours(tool)
{
	return tool ~ /^ferry/
}

function goes_before(name, one, other)
{
	if (is_ours(one) != is_ours(other))
		return is_ours(one)
	return median[name, one] < median[name, other]
}

BEGIN {
	tools = 0
	read_names()
	read_runs()
	bounds = read_file("bounds", bound)
	facts = read_file("facts", fact)
	notes = read_file("notes", note_line)
	machine_lines = read_file("machine", machine)
}
