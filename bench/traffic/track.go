package traffic

import "time"

// account is what a receiver knows about one flow.
type account struct {
	seen       []uint64 // bitmap of sequence numbers
	next       uint64   // one past the highest sequence number seen
	received   uint64   // different frames
	duplicated uint64
	reordered  uint64
	first      Stamp
	last       Stamp
	gap        time.Duration // longest time between two arrivals
	gapAt      Stamp         // when it began
}

// reach is how far ahead of the highest number a frame may be. More would be
// damage that the pattern missed, and must not size the bitmap.
const reach = 1 << 30

// add notes an intact frame. fresh: it is the first of its number. ok is false
// if its number is out of reach.
func (a *account) add(seq uint64, at Stamp) (fresh, ok bool) {
	if seq >= a.next+reach {
		return false, false
	}
	word, bit := seq/64, uint64(1)<<(seq%64)
	for word >= uint64(len(a.seen)) {
		a.seen = append(a.seen, make([]uint64, max(64, len(a.seen)))...)
	}
	if a.received == 0 {
		a.first, a.last = at, at
	}
	if gap := at.Sub(a.last); gap > a.gap {
		a.gap, a.gapAt = gap, a.last
	}
	a.last = max(a.last, at)
	if a.seen[word]&bit != 0 {
		a.duplicated++
		return false, true
	}
	a.seen[word] |= bit
	a.received++
	if seq < a.next {
		a.reordered++
	} else {
		a.next = seq + 1
	}
	return true, true
}

// has reports whether a number was seen.
func (a *account) has(seq uint64) bool {
	word := seq / 64
	return word < uint64(len(a.seen)) && a.seen[word]>>(seq%64)&1 != 0
}

// FlowReport is the account of one flow.
type FlowReport struct {
	Flow uint16
	Sent uint64
	// Received are the different frames that arrived, so Sent = Received + Lost.
	Received uint64
	Lost     uint64
	// Duplicated are the arrivals of a frame after its first.
	Duplicated uint64
	// Reordered are the frames that arrived after one with a higher number.
	Reordered uint64
	// LongestGap is the longest time between two arrivals, and GapBegan when it
	// began. Nothing is known of the time before the first and after the last.
	LongestGap time.Duration
	GapBegan   Stamp
	// First and Last are the times of the first and last arrival.
	First, Last Stamp
}

func (a *account) report(flow uint16, sent uint64) FlowReport {
	return FlowReport{
		Flow: flow, Sent: sent, Received: a.received, Lost: sent - a.received,
		Duplicated: a.duplicated, Reordered: a.reordered,
		LongestGap: a.gap, GapBegan: a.gapAt, First: a.first, Last: a.last,
	}
}

// Total adds the flows up; its LongestGap is the longest of any flow.
func (r ReceiveReport) Total() FlowReport {
	var t FlowReport
	for i, f := range r.Flows {
		t.Sent += f.Sent
		t.Received += f.Received
		t.Lost += f.Lost
		t.Duplicated += f.Duplicated
		t.Reordered += f.Reordered
		if f.LongestGap > t.LongestGap {
			t.LongestGap, t.GapBegan = f.LongestGap, f.GapBegan
		}
		if i == 0 || f.First != 0 && (t.First == 0 || f.First < t.First) {
			t.First = f.First
		}
		t.Last = max(t.Last, f.Last)
	}
	return t
}
