package main

import "sync"

// Savina's benchmarks of actors: each actor is a goroutine with a channel that has room for all that can be in it at once.

const (
	creatures = 100
	colours   = 3
	bigActors = 120
	seats     = 20
	accounts  = 1000
	open      = 1000
)

type arrival struct {
	creature, colour uint64
}

// The mall closes the creatures' channels when all meetings are over.
func chameneos(size uint64) uint64 {
	mall := make(chan arrival, creatures)
	partners := make([]chan uint64, creatures)
	for i := range partners {
		partners[i] = make(chan uint64, 1)
	}
	go meet(size, mall, partners)
	meetings := make([]uint64, creatures)
	spawnAll(creatures, func(number uint64) { meetings[number] = visitMall(number, mall, partners[number]) })
	return sum(meetings)
}

func meet(size uint64, mall <-chan arrival, partners []chan uint64) {
	for meeting := uint64(0); meeting < size; meeting++ {
		one, other := <-mall, <-mall
		partners[one.creature] <- other.colour
		partners[other.creature] <- one.colour
	}
	for _, partner := range partners {
		close(partner)
	}
}

func visitMall(number uint64, mall chan<- arrival, partners <-chan uint64) (meetings uint64) {
	colour := number % colours
	for {
		mall <- arrival{number, colour}
		theirs, isOpen := <-partners
		if !isOpen {
			return meetings
		}
		if colour != theirs {
			colour = colours - colour - theirs
		}
		meetings++
	}
}

type kind uint8

const (
	ping kind = iota
	pong
	stop
)

type note struct {
	kind kind
	from uint64
}

func big(size uint64) uint64 {
	all := make([]chan note, bigActors)
	for i := range all {
		// A ping of each, a pong and the stop.
		all[i] = make(chan note, bigActors+2)
	}
	var done, ended sync.WaitGroup
	done.Add(bigActors)
	ended.Add(bigActors)
	turns := make([]uint64, bigActors)
	for number := range all {
		go func(number uint64) {
			defer ended.Done()
			turns[number] = pingOthers(number, size/bigActors, all, &done)
		}(uint64(number))
	}
	done.Wait()
	for _, one := range all {
		one <- note{kind: stop}
	}
	ended.Wait()
	return sum(turns)
}

func pingOthers(number, turns uint64, all []chan note, done *sync.WaitGroup) uint64 {
	for turn := uint64(0); turn < turns; turn++ {
		all[mix(number<<32|turn)%bigActors] <- note{ping, number}
		answerPings(all, number)
	}
	done.Done()
	answerPings(all, number)
	return turns
}

// Until something else comes.
func answerPings(all []chan note, number uint64) {
	for got := range all[number] {
		if got.kind != ping {
			return
		}
		all[got.from] <- note{kind: pong}
	}
}

type wish struct {
	seat int
	done bool
}

func philosophers(size uint64) uint64 {
	// Of each: the forks it gives back, and the next it asks for.
	wishes := make(chan wish, 2*seats)
	answers := make([]chan bool, seats)
	for i := range answers {
		answers[i] = make(chan bool, 1)
	}
	go arbitrate(wishes, answers)
	meals := make([]uint64, seats)
	spawnAll(seats, func(seat uint64) { meals[seat] = dine(int(seat), size/seats, wishes, answers[seat]) })
	close(wishes)
	return sum(meals)
}

// Gives both forks, or none; or takes them back, to which there is no answer.
func arbitrate(wishes <-chan wish, answers []chan bool) {
	var taken [seats]bool
	for wish := range wishes {
		left, right := wish.seat, (wish.seat+1)%seats
		switch {
		case wish.done:
			taken[left], taken[right] = false, false
		case taken[left] || taken[right]:
			answers[wish.seat] <- false
		default:
			taken[left], taken[right] = true, true
			answers[wish.seat] <- true
		}
	}
}

func dine(seat int, meals uint64, wishes chan<- wish, answers <-chan bool) uint64 {
	for meal := uint64(0); meal < meals; meal++ {
		wishes <- wish{seat: seat}
		for !<-answers {
			wishes <- wish{seat: seat}
		}
		wishes <- wish{seat: seat, done: true}
	}
	return meals
}

// To pay, if to is set; else to take.
type transfer struct {
	amount int64
	to     chan<- transfer
}

// An account has room for all transfers that are under way at once.
func bank(size uint64) (done uint64) {
	teller := make(chan int64, open)
	all := make([]chan transfer, accounts)
	balances := make([]int64, accounts)
	var ended sync.WaitGroup
	ended.Add(accounts)
	for i := range all {
		all[i] = make(chan transfer, open)
		go func(orders <-chan transfer, balance *int64) {
			defer ended.Done()
			*balance = keepAccount(orders, teller)
		}(all[i], &balances[i])
	}
	for first := uint64(0); first < size; first += open {
		last := first + open
		if last > size {
			last = size
		}
		for number := first; number < last; number++ {
			from, to := parties(number)
			all[from] <- transfer{1, all[to]}
		}
		for number := first; number < last; number++ {
			done += uint64(<-teller)
		}
	}
	for _, account := range all {
		close(account)
	}
	ended.Wait()
	// What is paid and what is taken is the same, so the balances add up to nothing.
	for _, balance := range balances {
		done += uint64(balance)
	}
	return done
}

func keepAccount(orders <-chan transfer, teller chan<- int64) (balance int64) {
	for order := range orders {
		if order.to != nil {
			balance -= order.amount
			order.to <- transfer{amount: order.amount}
		} else {
			balance += order.amount
			teller <- order.amount
		}
	}
	return balance
}

// Who pays whom: never itself.
func parties(number uint64) (from, to uint64) {
	from = mix(number) % accounts
	return from, (from + 1 + mix(^number)%(accounts-1)) % accounts
}
