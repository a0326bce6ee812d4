package main

import "sync"

// Servers: goroutines behind channels.

const (
	mailbox = 1024
	wave    = 1000
)

// What a counter is told: to answer with the number if reply is set, or with the sum if isGet is too; else to add it.
type request struct {
	number uint64
	reply  chan<- uint64
	isGet  bool
}

// Ends when nobody can send any more; returns the sum.
func count(requests <-chan request) (total uint64) {
	for request := range requests {
		switch {
		case request.isGet:
			request.reply <- total
		case request.reply != nil:
			request.reply <- request.number
		default:
			total += request.number
		}
	}
	return total
}

func call(size uint64) (total uint64) {
	requests := make(chan request, mailbox)
	go count(requests)
	for number := uint64(0); number < size; number++ {
		reply := make(chan uint64, 1)
		requests <- request{number: number, reply: reply}
		total += <-reply
	}
	close(requests)
	return total
}

func cast(size uint64) uint64 {
	requests := make(chan request, mailbox)
	go count(requests)
	for number := uint64(0); number < size; number++ {
		requests <- request{number: number}
	}
	reply := make(chan uint64, 1)
	requests <- request{reply: reply, isGet: true}
	total := <-reply
	close(requests)
	return total
}

// A counter has room for the one message it is sent: a channel's room is paid for when it is made.
func startStop(size uint64) (total uint64) {
	for first := uint64(0); first < size; first += wave {
		servers := wave
		if size-first < wave {
			servers = int(size - first)
		}
		ends := make(chan uint64, servers)
		for number := first; number < first+uint64(servers); number++ {
			requests := make(chan request, 1)
			go func() { ends <- count(requests) }()
			requests <- request{number: number}
			close(requests)
		}
		for i := 0; i < servers; i++ {
			total += <-ends
		}
	}
	return total
}

// What a fragile server is told: to panic, or to answer.
type order struct {
	reply chan<- uint64
}

// The supervisor starts the next server when one has panicked, and ends with one that has not.
func restarts(size uint64) (total uint64) {
	started := make(chan chan<- order)
	var supervisor sync.WaitGroup
	supervisor.Add(1)
	go func() {
		defer supervisor.Done()
		for supervised(started) != nil {
		}
	}()
	server := <-started
	for number := uint64(0); number < size; number++ {
		server <- order{}
		server = <-started
		reply := make(chan uint64, 1)
		server <- order{reply}
		total += <-reply
	}
	close(server)
	supervisor.Wait()
	return total
}

// Starts a server and waits for its end; returns what it panicked with.
func supervised(started chan<- chan<- order) any {
	orders := make(chan order, 1)
	end := make(chan any)
	go func() {
		defer func() { end <- recover() }()
		started <- orders
		obey(orders)
	}()
	return <-end
}

func obey(orders <-chan order) {
	for order := range orders {
		if order.reply == nil {
			panicOnPurpose()
		}
		order.reply <- 1
	}
}
