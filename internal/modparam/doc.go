// Package modparam judges the parameters of the bonding module as the driver
// does when it is loaded: what is out of range is reset with a warning, what is
// no word that it knows fails the load, what can't go together is dropped. What
// comes of them are the settings that every bond has when it is made from then
// on, and the number of bonds to make at once. It is pure.
//
// The measure is the driver of Linux 6.1, asked for each case in
// testdata/loads.txt.
//
//	modparam.go  Param, Module, Check
//	raw.go       from text to numbers, before anything is judged
//	judge.go     the driver's judgement, in its order
//	errors.go    Error: a load that fails
package modparam
