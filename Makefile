# The words are explained in README.md and CONTRIBUTING.md.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Debian packages that the tests need: the race detector's compiler, the ip command
# that ours stands in front of, and what guests with other kernels are made of. The
# guests' kernels are downloaded into a cache (bench/guest). For the rest the tests
# need a kernel.
DEBS     := gcc libc6-dev iproute2 net-tools iputils-ping ethtool qemu-system-x86 busybox-static cpio xz-utils kmod openvswitch-switch tshark dbus-daemon dhcpcd-base prometheus-node-exporter
FUZZTIME ?= 30s
COUNT    ?= 6

export GOFLAGS ?= -trimpath

.PHONY: build install install-units demo bench microbench test check unit race alloc fuzz net deps soak selftests clean

build:
	$(GO) build -ldflags "-X main.version=$(VERSION)" -o bin/tapbond ./cmd/tapbond

install: build
	install -D -m 755 bin/tapbond $(DESTDIR)/usr/local/sbin/tapbond

# For systemd, which looks there too. Nothing is enabled or started: which of them
# are wanted is the operator's to say.
install-units:
	install -D -m 644 -t $(DESTDIR)/usr/local/lib/systemd/system packaging/systemd/*.service

# One bond on real interfaces in namespaces: traffic, a cut, the failover.
demo: build
	./bin/tapbond lab demo

# tapbond against other ways to aggregate links, on this machine; an hour.
# `make bench BENCH=--quick` takes two minutes.
bench: build
	./bin/tapbond bench --html bin/bench.html --json bin/bench.json $(BENCH)

# Decoder, hashes, selectors, I/O, with allocations, for benchstat.
microbench:
	@$(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) ./policy ./internal/vnet ./tap ./internal/nic ./bond

# What the README promises: installs what it needs, runs everything.
test: deps build check unit alloc

# Where there is no apt the tests say what they miss.
deps:
	@.ci/deps $(DEBS)

check:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@! git grep -nE 'time\.Sleep\(' -- '*_test.go' || { echo "a test sleeps"; exit 1; }

# Unit, golden, property and namespace tests under the race detector; the
# program as a whole alone, because it is timed. At full speed it is timed by
# soak, on a machine that has nothing else to do. What vet says check says.
unit:
	$(GO) test -race -vet=off -count=1 -timeout 10m $$($(GO) list ./... | grep -v /bench/e2e)
	$(GO) test -race -vet=off -count=1 -timeout 20m ./bench/e2e

# Allocation guards don't hold under the race detector. Only where there are any:
# the rest needn't be built once more.
alloc:
	$(GO) test -vet=off -run 'NoAllocs|Example' $$(git grep -lE '^func (Test.*NoAllocs|Example)' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's,^,./,')

# A search for new inputs with every fuzz target; `make fuzz FUZZTIME=10m` for longer.
# test runs the known ones, with unit: whether it fails is no matter of luck.
fuzz:
	@.ci/fuzz $(FUZZTIME)

# The minutes-long forms of what test does briefly.
soak: build selftests fuzz
	TAPBOND_SOAK=1 $(GO) test -count=1 -timeout 1h -v -run 'Ledger|Failover|Express|Planned|Slow|UnderLoad|ManyBonds|LAGKilled|Flapping|LACP|Balanc|Says' ./bench/e2e
	TAPBOND_SOAK=1 $(GO) test -race -count=1 -timeout 1h -v -run 'ReleaseAndEnslave|KilledAnywhere|Churn|Vanish|UnderACrowd' ./bench/e2e

# The kernel's own bonding selftests, from its source package.
selftests: build
	bench/selftests/run bin/tapbond

clean:
	rm -rf bin
