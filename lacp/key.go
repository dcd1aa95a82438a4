package lacp

// Key returns a port's operational key as the driver makes it: the user's ten
// bits, five for the speed, one for full duplex. Speeds that it has no number
// for are one class with unknown. Unknown duplex is full: it takes a key to
// aggregate at all.
func Key(user uint16, mbps uint32, halfDuplex bool) uint16 {
	key := user<<6 | speedClass(mbps)<<1
	if !halfDuplex {
		key |= 1
	}
	return key
}

func speedClass(mbps uint32) uint16 {
	switch mbps {
	case 1:
		return 1
	case 10:
		return 2
	case 100:
		return 3
	case 1000:
		return 4
	case 2500:
		return 5
	case 5000:
		return 6
	case 10000:
		return 7
	case 14000:
		return 8
	case 20000:
		return 9
	case 25000:
		return 10
	case 40000:
		return 11
	case 50000:
		return 12
	case 56000:
		return 13
	case 80000:
		return 14
	case 100000:
		return 15
	case 200000:
		return 16
	case 400000:
		return 17
	case 800000:
		return 18
	case 1600000:
		return 19
	}
	return 0
}
