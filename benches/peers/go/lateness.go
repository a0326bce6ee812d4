package main

import (
	"fmt"
	"runtime"
	"sort"
	"sync/atomic"
	"time"
)

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
