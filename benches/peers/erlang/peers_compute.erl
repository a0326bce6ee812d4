%% Processes that only compute.
-module(peers_compute).
-export([primes/1, all_primes/1, hashes/1, all_hashes/1, deep_recursion/1, nqueens/1]).

-define(CHUNKS, 64).
-define(DEPTH, 1000).
-define(ROWS, 10).
-define(ROWS_BY_ROOT, 3).
-define(WORD, 16#FFFFFFFFFFFFFFFF).

primes(Size) ->
    in_parts(Size, fun(From, To) -> count_primes(From, To, 0) end).

all_primes(Size) ->
    count_primes(0, Size, 0).

%% Added up without a bound, as numbers are here, and cut to 64 bits in the end.
hashes(Size) ->
    in_parts(Size, fun(From, To) -> add_hashes(From, To, 0) end) band ?WORD.

all_hashes(Size) ->
    add_hashes(0, Size, 0) band ?WORD.

in_parts(Size, Work) ->
    peers_join:sum_of(?CHUNKS, fun(Part) -> Work(Size * Part div ?CHUNKS, Size * (Part + 1) div ?CHUNKS) end).

count_primes(To, To, Count) ->
    Count;
count_primes(Number, To, Count) ->
    case is_prime(Number) of
        true -> count_primes(Number + 1, To, Count + 1);
        false -> count_primes(Number + 1, To, Count)
    end.

is_prime(Number) ->
    Number > 1 andalso has_no_divisor(Number, 2).

has_no_divisor(Number, Divisor) when Divisor * Divisor > Number -> true;
has_no_divisor(Number, Divisor) when Number rem Divisor =:= 0 -> false;
has_no_divisor(Number, Divisor) -> has_no_divisor(Number, Divisor + 1).

add_hashes(To, To, Sum) ->
    Sum;
add_hashes(Number, To, Sum) ->
    add_hashes(Number + 1, To, Sum + mix(Number)).

%% The hash of benches/src/suite.rs.
mix(Number) ->
    One = (Number + 16#9E3779B97F4A7C15) band ?WORD,
    Two = ((One bxor (One bsr 30)) * 16#BF58476D1CE4E5B9) band ?WORD,
    Three = ((Two bxor (Two bsr 27)) * 16#94D049BB133111EB) band ?WORD,
    Three bxor (Three bsr 31).

deep_recursion(Size) ->
    peers_join:sum_of(Size div ?DEPTH, fun(_) -> descend(?DEPTH) end).

%% Not a tail call.
descend(0) -> 0;
descend(Levels) -> descend(Levels - 1) + 1.

%% The size is that of the board, and fixed. A board is {Row, Columns, Left, Right}: bits for what is taken, as the next row sees it.
nqueens(_) ->
    Boards = lists:foldl(fun(_, Boards) -> lists:flatmap(fun next/1, Boards) end, [{0, 0, 0, 0}], lists:seq(1, ?ROWS_BY_ROOT)),
    [peers_join:start(fun() -> solutions(Board) end) || Board <- Boards],
    peers_join:collect(length(Boards)).

next({Row, Columns, Left, Right}) ->
    Taken = Columns bor Left bor Right,
    [{Row + 1, Columns bor Queen, (Left bor Queen) bsl 1, (Right bor Queen) bsr 1}
     || Column <- lists:seq(0, ?ROWS - 1), Queen <- [1 bsl Column], Taken band Queen =:= 0].

solutions({?ROWS, _, _, _}) -> 1;
solutions(Board) -> lists:sum([solutions(Next) || Next <- next(Board)]).
