// Package partner is the far end of a LAG, under control: ports that speak LACP
// as they are told to, rightly or wrongly, and note to the microsecond what the
// other end says and which data frames it sends.
//
// It isn't an implementation of LACP. It answers, echoes what it hears, sends
// periodically and says of itself what the script says. Nothing of it is shared
// with the code that it is used to test; its frames are put together here.
//
//	frame.go  Frame: a LACPDU or Marker PDU of which every octet can be had wrong
//	port.go   Port: one end of a cable, what it does and what it saw
//	device.go Device: real devices, by their LACPDUs (devices.txt)
package partner
