// Package express is the short way of a frame: eBPF programs on the TAP's egress
// hook and on the slaves' ingress hooks that carry out what the workers would,
// in the kernel, without a copy and without waking anybody. They follow a table
// that the control loop writes from the same snapshot the workers have.
//
// Only what is simple goes that way: IP and ARP, with a VLAN tag or without, by the modes whose choice is the active slave or a
// hash of layer2, layer2+3 or layer3+4. Everything else takes the workers' way,
// and so does everything while the table says so; a flow changes from one way to
// the other without being reordered (Bucket).
//
// What it takes is in Linux since 5.5, older than what tapbond needs anyway:
// classifiers that read and write a map which the process has in its memory.
package express
