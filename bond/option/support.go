package option

// notYet lists the options whose behaviour the engine lacks, with the values
// it lacks; nil stands for every value but the default. Deleting a line is all
// it takes to release an option. At present there are none.
var notYet = map[ID][]uint32{}

// Supported reports whether the engine does what o promises when it is set
// to n. For raw options n is 0 for the default and 1 for anything else.
func (o *Option) Supported(n uint32) bool {
	lacking, listed := notYet[o.ID]
	if !listed {
		return true
	}
	if lacking == nil {
		return n == o.Default
	}
	for _, m := range lacking {
		if m == n {
			return false
		}
	}
	return true
}

// supported judges the outcome of c: v is the state after the request.
func (c *change) supported(v *Values) bool {
	o := c.opt
	n := c.n
	switch {
	case o.field != nil:
		n = *o.field(v)
	case o.ID == ArpIPTarget:
		n = flag(v.ArpIPTarget != Targets{})
	case o.ID == NSIP6Target:
		n = flag(v.NSIP6Target != Targets{})
	case o.ID == ADActorSystem:
		n = flag(v.ADActorSystem != MAC{})
	}
	return o.Supported(n)
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}
