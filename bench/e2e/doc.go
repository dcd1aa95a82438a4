// Package e2e runs the program in the lab and holds it to what it promises:
// contents, duplicates, failover, the ledger, and that nothing is left behind.
// It has tests only.
package e2e
