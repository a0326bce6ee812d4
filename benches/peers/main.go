// What the same work costs in Go.
//
// Question: nanoseconds per operation of each workload of smarm's benches (benches/src/workload.rs says what they are and
// what an operation is), with GOMAXPROCS 1 and 2.
// What would be unfair: Go has no join handle and no unbounded channel. A result comes through a channel (skynet) or a
// slice and a WaitGroup (spawnjoin); a channel that must never make its sender wait gets room for all messages at once.
// ping-pong and ring use channels of one message, which cost Go no more than unbuffered ones. The garbage collector runs
// as it does by default.
//
//	peers                                     prints a table
//	peers sample go WORKLOAD PROCS SIZE       prints one line for `compare --go`
//	peers parked N                            prints the bytes a parked goroutine occupies
//	peers echo                                serves the bench `echo`, and prints its address first
//	peers http                                the same for its `--http`
//	peers lateness PROCS SECONDS              prints how late goroutines run beside hogs
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	yielders       = 1000
	ringMembers    = 1000
	skynetChildren = 10
	bound          = 64
	lockers        = 8
	sleepers       = 1000
)

type workload struct {
	name string
	size uint64
	run  func(size uint64) uint64
	// The sum a correct run returns.
	expected func(size uint64) uint64
}

var workloads = []workload{
	{"yield", 1000000, yields, func(size uint64) uint64 { return size / yielders * yielders }},
	{"chain", 1000000, chain, triangle},
	{"spawnjoin", 200000, spawnJoin, triangle},
	{"skynet", 1000000, skynet, triangle},
	{"pingpong", 200000, pingPong, triangle},
	{"ring", 1000000, ring, func(size uint64) uint64 { return size }},
	{"mpsc4", 1000000, func(size uint64) uint64 { return toOne(4, size, int(size)) }, triangle},
	{"mpsc1", 1000000, func(size uint64) uint64 { return toOne(1, size, int(size)) }, triangle},
	{"mpscapart", 1000000, apart, triangle},
	{"bounded", 1000000, func(size uint64) uint64 { return toOne(1, size, bound) }, triangle},
	{"mutex", 1000000, locks, func(size uint64) uint64 { return size / lockers * lockers }},
	{"sleep", 100000, sleeps, func(size uint64) uint64 { return size / sleepers * sleepers }},
}

// 0 + 1 + .. + (n - 1)
func triangle(n uint64) uint64 { return n * (n - 1) / 2 }

func (w workload) operations(size uint64) uint64 {
	if w.name == "skynet" {
		return (skynetChildren*size - 1) / (skynetChildren - 1)
	}
	return size
}

func yields(size uint64) uint64 {
	turns := size / yielders
	counts := make([]uint64, yielders)
	spawnAll(yielders, func(number uint64) {
		for turn := uint64(0); turn < turns; turn++ {
			runtime.Gosched()
		}
		counts[number] = turns
	})
	return sum(counts)
}

// Starts count goroutines and waits for all of them.
func spawnAll(count uint64, body func(number uint64)) {
	var group sync.WaitGroup
	group.Add(int(count))
	for number := uint64(0); number < count; number++ {
		go func(number uint64) {
			defer group.Done()
			body(number)
		}(number)
	}
	group.Wait()
}

func sum(numbers []uint64) (total uint64) {
	for _, number := range numbers {
		total += number
	}
	return total
}

func chain(size uint64) uint64 {
	done := make(chan uint64)
	go link(0, size, 0, done)
	return <-done
}

func link(number, size, sum uint64, done chan<- uint64) {
	sum += number
	if number+1 == size {
		done <- sum
	} else {
		go link(number+1, size, sum, done)
	}
}

func spawnJoin(size uint64) uint64 {
	results := make([]uint64, size)
	spawnAll(size, func(number uint64) { results[number] = number })
	return sum(results)
}

func skynet(leaves uint64) uint64 {
	result := make(chan uint64, 1)
	go node(0, leaves, result)
	return <-result
}

func node(first, leaves uint64, parent chan<- uint64) {
	if leaves == 1 {
		parent <- first
		return
	}
	share := leaves / skynetChildren
	children := make(chan uint64, skynetChildren)
	for child := uint64(0); child < skynetChildren; child++ {
		go node(first+child*share, share, children)
	}
	total := uint64(0)
	for child := 0; child < skynetChildren; child++ {
		total += <-children
	}
	parent <- total
}

func pingPong(size uint64) uint64 {
	ping, pong := make(chan uint64, 1), make(chan uint64, 1)
	result := make(chan uint64)
	go func() {
		for number := range ping {
			pong <- number
		}
	}()
	go func() {
		total := uint64(0)
		for number := uint64(0); number < size; number++ {
			ping <- number
			total += <-pong
		}
		close(ping)
		result <- total
	}()
	return <-result
}

func ring(size uint64) uint64 {
	first := make(chan uint64, 1)
	seen := make([]uint64, ringMembers)
	var group sync.WaitGroup
	group.Add(ringMembers)
	receiver := first
	for member := range seen {
		next := first
		if member+1 < ringMembers {
			next = make(chan uint64, 1)
		}
		go func(seen *uint64, receiver <-chan uint64, next chan<- uint64) {
			defer group.Done()
			*seen = passOn(receiver, next)
		}(&seen[member], receiver, next)
		receiver = next
	}
	first <- size - 1
	group.Wait()
	return sum(seen)
}

// Passes the token on until it is spent, then closes the ring behind it; returns how often the token came by.
func passOn(receiver <-chan uint64, next chan<- uint64) (seen uint64) {
	for hopsLeft := range receiver {
		seen++
		if hopsLeft == 0 {
			break
		}
		next <- hopsLeft - 1
	}
	close(next)
	return seen
}

func toOne(senders, size uint64, room int) uint64 {
	messages := make(chan uint64, room)
	result := make(chan uint64)
	go receiveAll(messages, result)
	var group sync.WaitGroup
	group.Add(int(senders))
	for lane := uint64(0); lane < senders; lane++ {
		go func(lane uint64) {
			defer group.Done()
			sendLane(messages, lane, senders, size)
		}(lane)
	}
	group.Wait()
	close(messages)
	return <-result
}

// The sender has an OS thread to itself, beside the workers asked for.
func apart(size uint64) uint64 {
	procs := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs + 1))
	messages := make(chan uint64, size)
	result := make(chan uint64)
	go receiveAll(messages, result)
	go func() {
		runtime.LockOSThread()
		sendLane(messages, 0, 1, size)
		close(messages)
	}()
	return <-result
}

func locks(size uint64) uint64 {
	var mutex sync.Mutex
	count := uint64(0)
	spawnAll(lockers, func(uint64) {
		for turn := uint64(0); turn < size/lockers; turn++ {
			mutex.Lock()
			count++
			mutex.Unlock()
		}
	})
	return count
}

func sleeps(size uint64) uint64 {
	counts := make([]uint64, sleepers)
	spawnAll(sleepers, func(number uint64) {
		for turn := uint64(0); turn < size/sleepers; turn++ {
			time.Sleep(time.Duration(1000+number) * time.Microsecond)
			counts[number]++
		}
	})
	return sum(counts)
}

func sendLane(messages chan<- uint64, lane, lanes, size uint64) {
	for number := lane; number < size; number += lanes {
		messages <- number
	}
}

func receiveAll(messages <-chan uint64, result chan<- uint64) {
	total := uint64(0)
	for number := range messages {
		total += number
	}
	result <- total
}

// Runs a workload once; nanoseconds on the wall and of processor time, all threads.
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

func parse(word string) uint64 {
	number, err := strconv.ParseUint(word, 10, 64)
	if err != nil || number == 0 {
		fail(word + " is not a number above 0")
	}
	return number
}

func table() {
	fmt.Printf("%-10s %9s %5s %10s %10s\n", "workload", "N", "procs", "wall ns/op", "CPU ns/op")
	for _, w := range workloads {
		for procs := 1; procs <= 2; procs++ {
			runtime.GOMAXPROCS(procs)
			w.cost(w.size)
			wall, cpu := w.cost(w.size)
			operations := w.operations(w.size)
			perOperation := func(nanos int64) float64 { return float64(nanos) / float64(operations) }
			fmt.Printf("%-10s %9d %5d %10.1f %10.1f\n", w.name, operations, procs, perOperation(wall), perOperation(cpu))
		}
	}
}

// Goroutines that wait on a channel of their own; the channels are made before the first reading.
func parked(count uint64) {
	channels := make([]chan struct{}, count)
	for i := range channels {
		channels[i] = make(chan struct{})
	}
	var started sync.WaitGroup
	started.Add(int(count))
	residentBefore, tablesBefore := memory()
	for _, channel := range channels {
		go func(channel <-chan struct{}) {
			started.Done()
			<-channel
		}(channel)
	}
	started.Wait()
	time.Sleep(200 * time.Millisecond)
	resident, tables := memory()
	fmt.Printf("go: %d parked: %d B resident, %d B page tables each\n", count,
		(resident-residentBefore)/int64(count), (tables-tablesBefore)/int64(count))
	runtime.KeepAlive(channels)
}

// VmRSS and VmPTE, in bytes.
func memory() (resident, tables int64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail(err.Error())
	}
	for _, line := range strings.Split(string(status), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "VmRSS:" {
			resident = int64(parse(fields[1])) * 1024
		}
		if len(fields) == 3 && fields[0] == "VmPTE:" {
			tables = int64(parse(fields[1])) * 1024
		}
	}
	return resident, tables
}

// Sends back what it gets, 64 bytes at a time, on one thread.
func echo() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(listener.Addr())
	for {
		stream, err := listener.Accept()
		if err != nil {
			fail(err.Error())
		}
		go func() {
			var buffer [64]byte
			for {
				if _, err := io.ReadFull(stream, buffer[:]); err != nil {
					return
				}
				if _, err := stream.Write(buffer[:]); err != nil {
					return
				}
			}
		}()
	}
}

// Answers every request over HTTP, on one thread.
func serveHTTP() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	fmt.Println(listener.Addr())
	answer := []byte("Hello, World!")
	fail(http.Serve(listener, http.HandlerFunc(func(writer http.ResponseWriter, _ *http.Request) {
		writer.Header().Set("Content-Type", "text/plain")
		writer.Write(answer)
	})).Error())
}

const (
	hogs  = 4
	nap   = time.Millisecond
	tries = 200
	pause = 5 * time.Millisecond
)

var (
	garbage [hogs]*[64]byte
	counts  [hogs]uint64
)

// The rows of the bench `lateness`, which says what they are.
func lateness(procs int, length time.Duration) {
	runtime.GOMAXPROCS(procs)
	var stop atomic.Bool
	for number := 0; number < hogs; number++ {
		go func(number int) {
			for !stop.Load() {
				garbage[number] = new([64]byte)
			}
		}(number)
	}
	var late []time.Duration
	for begin := time.Now(); time.Since(begin) < length; {
		asleep := time.Now()
		time.Sleep(nap)
		late = append(late, time.Since(asleep)-nap)
	}
	stop.Store(true)
	report("sleep", late)

	for number := 0; number < hogs; number++ {
		go func(number int) {
			for {
				counts[number]++
			}
		}(number)
	}
	runtime.LockOSThread()
	report("spawn", delays(length, func() time.Time {
		began := make(chan time.Time)
		go func() { began <- time.Now() }()
		return <-began
	}))
	questions := make(chan chan uint64)
	go func() {
		for answer := range questions {
			answer <- 7
		}
	}()
	report("call", delays(length, func() time.Time {
		answer := make(chan uint64)
		questions <- answer
		<-answer
		return time.Now()
	}))
}

// How long things take that end at the time which what gives.
func delays(length time.Duration, what func() time.Time) []time.Duration {
	var all []time.Duration
	for begin := time.Now(); len(all) < tries && time.Since(begin) < length; {
		time.Sleep(pause)
		before := time.Now()
		all = append(all, what().Sub(before))
	}
	return all
}

func report(row string, delays []time.Duration) {
	sort.Slice(delays, func(one, other int) bool { return delays[one] < delays[other] })
	at := func(percent int) float64 {
		return delays[(len(delays)-1)*percent/100].Seconds() * 1e3
	}
	fmt.Printf("%-40s%9.3f%9.3f%9.3f%9d\n", "go: "+row, at(50), at(99), at(100), len(delays))
}

func main() {
	words := os.Args[1:]
	switch {
	case len(words) == 0:
		table()
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
		fail("usage: peers | peers sample go WORKLOAD PROCS SIZE | peers parked N | peers lateness PROCS SECONDS | peers echo | peers http")
	}
}
