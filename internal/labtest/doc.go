// Package labtest helps tests that need the real kernel: root, network
// namespaces, TAP, AF_PACKET. A missing capability skips the test on a
// developer's machine and fails it in CI (CI=true), so that CI cannot pass by
// skipping.
package labtest
