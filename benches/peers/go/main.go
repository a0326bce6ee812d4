// What the same work costs in Go.
//
// Question: nanoseconds per operation of each workload of smarm's benches (benches/src/workload.rs and benches/src/suite say
// what they are and what an operation is), with GOMAXPROCS 1 and 2.
// What would be unfair: Go has no join handle and no unbounded channel. A result comes through a channel (skynet) or a
// slice and a WaitGroup (spawnjoin); a channel that must never make its sender wait gets room for all messages at once.
// ping-pong and ring use channels of one message, which cost Go no more than unbuffered ones. The garbage collector runs
// as it does by default.
// Go has no actors either: a server is a goroutine that receives requests, answered through a channel that comes with each,
// as its users write it. It has no name, no lifecycle and no timeout; and what starts it again after a panic has no limit.
//
//	peers                                     prints a table
//	peers list                                prints the names of the workloads
//	peers sample go WORKLOAD PROCS SIZE       prints one line for `compare --go`
//	peers parked N                            prints the bytes a parked goroutine occupies
//	peers echo                                serves the bench `echo`, and prints its address first
//	peers http                                the same for its `--http`
//	peers lateness PROCS SECONDS              prints how late goroutines run beside hogs
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

type workload struct {
	name string
	size uint64
	run  func(size uint64) uint64
	// The sum a correct run returns.
	expected func(size uint64) uint64
}

var workloads = []workload{
	{"yield", 1000000, yields, wholeTimes(yielders)},
	{"chain", 1000000, chain, triangle},
	{"spawnjoin", 200000, spawnJoin, triangle},
	{"skynet", 1000000, skynet, triangle},
	{"pingpong", 200000, pingPong, triangle},
	{"ring", 1000000, ring, same},
	{"mpsc4", 1000000, func(size uint64) uint64 { return toOne(4, size, int(size)) }, triangle},
	{"mpsc1", 1000000, func(size uint64) uint64 { return toOne(1, size, int(size)) }, triangle},
	{"mpscapart", 1000000, apart, triangle},
	{"bounded", 1000000, func(size uint64) uint64 { return toOne(1, size, bound) }, triangle},
	{"mutex", 1000000, locks, wholeTimes(lockers)},
	{"sleep", 100000, sleeps, wholeTimes(sleepers)},
	{"call", 200000, call, triangle},
	{"cast", 1000000, cast, triangle},
	{"startstop", 100000, startStop, triangle},
	{"primes", 400000, func(size uint64) uint64 { return compute(size, chunks, countPrimes) }, allPrimes},
	{"fan_out_compute", 20000000, func(size uint64) uint64 { return compute(size, chunks, addHashes) }, allHashes},
	{"ping_pong_oneshot", 200000, oneshots, triangle},
	{"spawn_storm_busy", 30000, storm, stormSum},
	{"yield_in_hot_loop", 1000000, hotYield, same},
	{"many_timers", 20000, manyTimers, same},
	{"multi_thread_scaling", 20000000, func(size uint64) uint64 { return compute(size, pieces, addHashes) }, allHashes},
	{"deep_recursion", 1000000, deepRecursion, wholeTimes(depth)},
	{"catch_unwind_panics", 30000, catchPanics, same},
	{"chameneos", 200000, chameneos, func(size uint64) uint64 { return 2 * size }},
	{"big", 240000, big, wholeTimes(bigActors)},
	{"philosophers", 200000, philosophers, wholeTimes(seats)},
	{"bank", 200000, bank, same},
	{"nqueens", queenRows, nqueens, func(uint64) uint64 { return queenSolutions }},
	{"fan_out", 1000000, fanOut, triangle},
	{"restart", 20000, restarts, same},
}

func same(n uint64) uint64 { return n }

// 0 + 1 + .. + (n - 1)
func triangle(n uint64) uint64 { return n * (n - 1) / 2 }

// What is done if each of so many does the same whole number of turns.
func wholeTimes(actors uint64) func(uint64) uint64 {
	return func(size uint64) uint64 { return size / actors * actors }
}

func (w workload) operations(size uint64) uint64 {
	switch w.name {
	case "skynet":
		return (skynetChildren*size - 1) / (skynetChildren - 1)
	case "nqueens":
		return uint64(len(firstBoards()))
	default:
		return size
	}
}

// Runs a workload once; nanoseconds on the wall and of processor time, all threads. The check is not part of it.
func (w workload) cost(size uint64) (wall, cpu int64) {
	cpuBefore, started := cpuTime(), time.Now()
	result := w.run(size)
	wall, cpu = time.Since(started).Nanoseconds(), cpuTime()-cpuBefore
	if result != w.expected(size) {
		fail(fmt.Sprintf("%s of size %d was not done in full", w.name, size))
	}
	return wall, cpu
}

func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err.Error())
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, "peers:", why)
	os.Exit(1)
}

// One line: go WORKLOAD PROCS SIZE FIRST_WALL_NS WALL_NS CPU_NS.
func sample(words []string) {
	if len(words) != 4 || words[0] != "go" {
		fail("sample takes: go WORKLOAD PROCS SIZE")
	}
	procs, size := parse(words[2]), parse(words[3])
	for _, w := range workloads {
		if w.name == words[1] {
			runtime.GOMAXPROCS(int(procs))
			first, _ := w.cost(size)
			wall, cpu := w.cost(size)
			fmt.Println("go", w.name, procs, size, first, wall, cpu)
			return
		}
	}
	fail("no workload is called " + words[1])
}

func list() {
	for _, w := range workloads {
		fmt.Println(w.name)
	}
}

func parse(word string) uint64 {
	number, err := strconv.ParseUint(word, 10, 64)
	if err != nil || number == 0 {
		fail(word + " is not a number above 0")
	}
	return number
}

func table() {
	fmt.Printf("%-20s %9s %5s %10s %10s\n", "workload", "N", "procs", "wall ns/op", "CPU ns/op")
	for _, w := range workloads {
		for procs := 1; procs <= 2; procs++ {
			runtime.GOMAXPROCS(procs)
			w.cost(w.size)
			wall, cpu := w.cost(w.size)
			operations := w.operations(w.size)
			perOperation := func(nanos int64) float64 { return float64(nanos) / float64(operations) }
			fmt.Printf("%-20s %9d %5d %10.1f %10.1f\n", w.name, operations, procs, perOperation(wall), perOperation(cpu))
		}
	}
}

func main() {
	words := os.Args[1:]
	switch {
	case len(words) == 0:
		table()
	case words[0] == "list" && len(words) == 1:
		list()
	case words[0] == "sample":
		sample(words[1:])
	case words[0] == "parked" && len(words) == 2:
		parked(parse(words[1]))
	case words[0] == "echo" && len(words) == 1:
		echo()
	case words[0] == "http" && len(words) == 1:
		serveHTTP()
	case words[0] == "lateness" && len(words) == 3:
		lateness(int(parse(words[1])), time.Duration(parse(words[2]))*time.Second)
	default:
		fail("usage: peers | peers list | peers sample go WORKLOAD PROCS SIZE | peers parked N | peers lateness PROCS SECONDS | peers echo | peers http")
	}
}
