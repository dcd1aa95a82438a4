package bond

import (
	"fmt"
	"unicode/utf8"
)

// maxEventText bounds each text of an event: what a client sent may be in it.
const maxEventText = 512

// Cut shortens text of more than limit bytes, and says how long it was.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	n := limit
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return fmt.Sprintf("%s... (%d bytes)", text[:n], len(text))
}

// cut bounds what an event keeps of what somebody sent.
func (e *Event) cut() {
	for _, text := range []*string{&e.Message, &e.From, &e.To, &e.Why, &e.Slave} {
		*text = Cut(*text, maxEventText)
	}
}
