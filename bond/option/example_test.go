package option_test

import (
	"fmt"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
)

func Example() {
	v := option.Defaults()
	env := option.Env{Bond: "bond0"}

	request, _, _ := option.ParseWords(strings.Fields("updelay 250 mode active-backup miimon 100"))
	res, err := v.Apply(env, request)
	v = res.Values
	fmt.Println(err, option.ModeName(v.Mode), v.Updelay(), "ms")
	fmt.Println(res.Log[0].Text)

	_, err = v.Set(env, "packets_per_slave", "2")
	fmt.Println(err)
	fmt.Println(err.(*option.Error).IPText())
	// Output:
	// <nil> active-backup 200 ms
	// bond0: up delay (250) is not a multiple of miimon (100), value rounded to 200 ms
	// bond0: option packets_per_slave: mode dependency failed, not supported in mode active-backup(1)
	// Error: option not supported in mode.
}
