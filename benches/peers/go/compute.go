package main

// Goroutines that only compute.

const (
	chunks         = 64
	pieces         = 1000
	hashesPerTask  = 100
	depth          = 1000
	queenRows      = 10
	queenFirstRows = 3
	queenSolutions = 724
)

// The hash of benches/src/suite.rs.
func mix(number uint64) uint64 {
	bits := number + 0x9E3779B97F4A7C15
	bits = (bits ^ bits>>30) * 0xBF58476D1CE4E5B9
	bits = (bits ^ bits>>27) * 0x94D049BB133111EB
	return bits ^ bits>>31
}

// Shares 0..size out among count goroutines.
func compute(size, count uint64, work func(from, to uint64) uint64) uint64 {
	results := make([]uint64, count)
	spawnAll(count, func(part uint64) {
		results[part] = work(size*part/count, size*(part+1)/count)
	})
	return sum(results)
}

func countPrimes(from, to uint64) (count uint64) {
	for number := from; number < to; number++ {
		if isPrime(number) {
			count++
		}
	}
	return count
}

func isPrime(number uint64) bool {
	for divisor := uint64(2); divisor*divisor <= number; divisor++ {
		if number%divisor == 0 {
			return false
		}
	}
	return number > 1
}

func addHashes(from, to uint64) (total uint64) {
	for number := from; number < to; number++ {
		total += mix(number)
	}
	return total
}

func allPrimes(size uint64) uint64 { return countPrimes(0, size) }

func allHashes(size uint64) uint64 { return addHashes(0, size) }

func storm(size uint64) uint64 {
	results := make([]uint64, size)
	spawnAll(size, func(number uint64) { results[number] = hashAgain(number) })
	return sum(results)
}

func stormSum(size uint64) (total uint64) {
	for number := uint64(0); number < size; number++ {
		total += hashAgain(number)
	}
	return total
}

func hashAgain(bits uint64) uint64 {
	for turn := 0; turn < hashesPerTask; turn++ {
		bits = mix(bits)
	}
	return bits
}

// A goroutine's stack grows as it is needed.
func deepRecursion(size uint64) uint64 {
	results := make([]uint64, size/depth)
	spawnAll(size/depth, func(number uint64) { results[number] = descend(depth) })
	return sum(results)
}

//go:noinline
func descend(levels uint64) uint64 {
	if levels == 0 {
		return 0
	}
	return descend(levels-1) + 1
}

// Bits for the columns and diagonals that are taken, as the next row sees them.
type board struct {
	row, columns, left, right uint64
}

func (b board) isFree(queen uint64) bool { return (b.columns|b.left|b.right)&queen == 0 }

func (b board) with(queen uint64) board {
	return board{b.row + 1, b.columns | queen, (b.left | queen) << 1, (b.right | queen) >> 1}
}

func (b board) solutions() (count uint64) {
	if b.row == queenRows {
		return 1
	}
	for queen := uint64(1); queen < 1<<queenRows; queen <<= 1 {
		if b.isFree(queen) {
			count += b.with(queen).solutions()
		}
	}
	return count
}

func firstBoards() []board {
	boards := []board{{}}
	for row := 0; row < queenFirstRows; row++ {
		boards = nextBoards(boards)
	}
	return boards
}

// Each with one queen more, in every place that is free.
func nextBoards(boards []board) (next []board) {
	for _, one := range boards {
		for queen := uint64(1); queen < 1<<queenRows; queen <<= 1 {
			if one.isFree(queen) {
				next = append(next, one.with(queen))
			}
		}
	}
	return next
}

// The size is that of the board, and fixed.
func nqueens(uint64) uint64 {
	boards := firstBoards()
	results := make([]uint64, len(boards))
	spawnAll(uint64(len(boards)), func(number uint64) { results[number] = boards[number].solutions() })
	return sum(results)
}
