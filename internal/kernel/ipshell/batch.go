package ipshell

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
)

// batch runs the commands of a file, "-" for standard input, one a line. It
// stops at the first that fails unless -force was given.
func (s *Shell) batch(ctx context.Context, g *globals) int {
	in := s.Stdin
	if g.batch != "-" {
		f, err := os.Open(g.batch)
		if err != nil {
			s.complain("Cannot open file \"%s\" for reading: %s", g.batch, cause(err))
			return exitUser
		}
		defer f.Close()
		in = f
	}
	r := bufio.NewReader(in)
	status, nr := exitOK, 0
	for {
		words, lines, err := command(r)
		if err != nil {
			break
		}
		nr += lines
		if len(words) == 0 {
			continue
		}
		if got := s.line(ctx, g, words); got != exitOK {
			s.complain("Command failed %s:%d", g.batch, nr)
			status = exitUser
			if !g.force {
				break
			}
		}
	}
	return status
}

func cause(err error) string {
	if pe, ok := err.(*os.PathError); ok {
		s := pe.Err.Error()
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return err.Error()
}

// command reads one command: a backslash at the end of a line continues it, a
// # begins a comment, quotes hold words together.
func command(r *bufio.Reader) (words []string, lines int, err error) {
	var text strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil && line == "" {
			if text.Len() == 0 {
				return nil, lines, io.EOF
			}
			break
		}
		lines++
		line = strings.TrimSuffix(line, "\n")
		if before, ok := strings.CutSuffix(line, "\\"); ok {
			text.WriteString(before)
			continue
		}
		text.WriteString(line)
		break
	}
	return split(text.String()), lines, nil
}

// split cuts a line into words.
func split(line string) (words []string) {
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return words
		}
		if q := line[0]; q == '\'' || q == '"' {
			word, rest, _ := strings.Cut(line[1:], string(q))
			words, line = append(words, word), rest
			continue
		}
		end := strings.IndexAny(line, " \t\r#")
		if end < 0 {
			return append(words, line)
		}
		words, line = append(words, line[:end]), line[end:]
	}
}
