//! Savina's NQueens: in how many ways can 10 queens stand on a board? The first three rows are placed by the root, each such board is an actor
//! of its own, and the answers are added up. An operation is one of these actors' lives. The size is that of the board, and fixed.

use may::go;

use super::{Case, Group, join_actors, join_coroutines, join_tasks, join_threads};

const ROWS: u64 = 10;
const ROWS_BY_ROOT: u64 = 3;
const SOLUTIONS: u64 = 724;

pub(super) const NQUEENS: Case = Case {
    name: "nqueens",
    title: "Savina NQueens, a board of 10, actors",
    group: Group::Savina,
    size: ROWS,
    fit: |_| ROWS,
    operations: |_| first_boards().len() as u64,
    expected: |_| SOLUTIONS,
    smarm: |_| {
        join_actors(first_boards().into_iter().map(|board| smarm::spawn(move || board.solutions())).collect())
    },
    tokio: |_| {
        Box::pin(async {
            let task = |board: Board| tokio::spawn(async move { board.solutions() });
            join_tasks(first_boards().into_iter().map(task).collect()).await
        })
    },
    may: Some(|_| {
        join_coroutines(first_boards().into_iter().map(|board| go!(move || board.solutions())).collect())
    }),
    threads: Some(|_| {
        let thread = |board: Board| std::thread::spawn(move || board.solutions());
        join_threads(first_boards().into_iter().map(thread).collect())
    }),
    ..Case::PLAIN
};

/// Bits for the columns and diagonals that are taken, as the next row sees them.
#[derive(Clone, Copy)]
struct Board {
    row: u64,
    columns: u64,
    left: u64,
    right: u64,
}

impl Board {
    const EMPTY: Self = Self { row: 0, columns: 0, left: 0, right: 0 };

    /// With one queen more, each place that is free in turn.
    fn next(self) -> impl Iterator<Item = Self> {
        let taken = self.columns | self.left | self.right;
        (0..ROWS).map(|column| 1 << column).filter(move |queen| taken & queen == 0).map(move |queen| Self {
            row: self.row + 1,
            columns: self.columns | queen,
            left: (self.left | queen) << 1,
            right: (self.right | queen) >> 1,
        })
    }

    fn solutions(self) -> u64 {
        if self.row == ROWS { 1 } else { self.next().map(Self::solutions).sum() }
    }
}

fn first_boards() -> Vec<Board> {
    (0..ROWS_BY_ROOT).fold(vec![Board::EMPTY], |boards, _| boards.into_iter().flat_map(Board::next).collect())
}
