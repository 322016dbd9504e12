package survey

import (
	"cmp"
	"slices"
	"strings"
)

type groupName struct {
	name string
	id   uint32
}

type groups map[groupName]*Group

func (all groups) add(name groupName, g *group) *Group {
	into := all[name]
	if into == nil {
		into = &Group{Name: name.name, ID: name.id}
		all[name] = into
	}
	of := Group{Records: g.records, OrderBreaks: g.disordered, SequenceBreaks: g.regressed}
	if !g.first.IsUndef() {
		first, last := g.first, g.last
		of.First, of.Last = TimeOf(first), TimeOf(last)
	}
	into.merge(&of)
	return into
}

// merge adds another group of the same name.
func (g *Group) merge(of *Group) {
	g.Records += of.Records
	g.OrderBreaks += of.OrderBreaks
	g.SequenceBreaks += of.SequenceBreaks
	g.First, g.Last = earlier(g.First, of.First), later(g.Last, of.Last)
	for _, schema := range of.Schemas {
		g.addSchema(schema.Name, schema.Records)
	}
}

func (g *Group) addSchema(name string, records uint64) {
	for i := range g.Schemas {
		if g.Schemas[i].Name == name {
			g.Schemas[i].Records += records
			return
		}
	}
	g.Schemas = append(g.Schemas, Part{name, records})
	slices.SortFunc(g.Schemas, func(a, b Part) int { return strings.Compare(a.Name, b.Name) })
}

func (all groups) sorted() []Group {
	list := make([]Group, 0, len(all))
	for _, g := range all {
		list = append(list, *g)
	}
	slices.SortFunc(list, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), strings.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

func earlier(a, b *Time) *Time {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

func later(a, b *Time) *Time {
	if a == nil || b != nil && *b > *a {
		return b
	}
	return a
}
