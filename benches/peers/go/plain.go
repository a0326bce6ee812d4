package main

// Goroutines, channels, locks and sleeps, as every runtime has them.

import (
	"runtime"
	"sync"
	"time"
)

const (
	yielders       = 1000
	ringMembers    = 1000
	skynetChildren = 10
	bound          = 64
	lockers        = 8
	sleepers       = 1000
	receivers      = 100
)

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

// A goroutine for each round, which answers through a channel of its own.
func oneshots(size uint64) (total uint64) {
	for number := uint64(0); number < size; number++ {
		told := make(chan uint64, 1)
		go func(number uint64) { told <- number }(number)
		total += <-told
	}
	return total
}

func hotYield(size uint64) uint64 {
	done := make(chan uint64)
	go func() {
		for turn := uint64(0); turn < size; turn++ {
			runtime.Gosched()
		}
		done <- size
	}()
	return <-done
}

func manyTimers(size uint64) uint64 {
	counts := make([]uint64, size)
	spawnAll(size, func(number uint64) {
		time.Sleep(time.Duration(1000+mix(number)%9000) * time.Microsecond)
		counts[number] = 1
	})
	return sum(counts)
}

// Each channel has room for all that it is sent.
func fanOut(size uint64) uint64 {
	channels := make([]chan uint64, receivers)
	results := make(chan uint64, receivers)
	for i := range channels {
		channels[i] = make(chan uint64, size/receivers+1)
		go receiveAll(channels[i], results)
	}
	for number := uint64(0); number < size; number++ {
		channels[number%receivers] <- number
	}
	for _, channel := range channels {
		close(channel)
	}
	total := uint64(0)
	for range channels {
		total += <-results
	}
	return total
}

// Each goroutine panics one frame deep, recovers as it ends, and tells what it recovered.
func catchPanics(size uint64) (panics uint64) {
	for number := uint64(0); number < size; number++ {
		end := make(chan any, 1)
		go func() {
			defer func() { end <- recover() }()
			panicOnPurpose()
		}()
		if <-end != nil {
			panics++
		}
	}
	return panics
}

//go:noinline
func panicOnPurpose() { panic("on purpose") }
