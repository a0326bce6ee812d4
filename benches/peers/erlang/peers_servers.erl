%% Servers: `gen_server` and `supervisor` with their defaults, so that calls have a timeout of 5 s.
-module(peers_servers).
-export([call/1, cast/1, start_stop/1, bank/1, restarts/1]).

-define(WAVE, 1000).
-define(ACCOUNTS, 1000).
-define(OPEN, 1000).
%% Of one supervisor.
-define(RESTARTS, 100).

call(Size) ->
    {ok, Counter} = peers_counter:start_link(),
    call(0, Size, Counter, 0).

call(Size, Size, Counter, Sum) ->
    ok = gen_server:stop(Counter),
    Sum;
call(Number, Size, Counter, Sum) ->
    call(Number + 1, Size, Counter, Sum + peers_counter:echo(Counter, Number)).

cast(Size) ->
    {ok, Counter} = peers_counter:start_link(),
    add_all(0, Size, Counter),
    Sum = peers_counter:get(Counter),
    ok = gen_server:stop(Counter),
    Sum.

add_all(Size, Size, _) ->
    ok;
add_all(Number, Size, Counter) ->
    peers_counter:add(Counter, Number),
    add_all(Number + 1, Size, Counter).

start_stop(Size) ->
    start_stop(0, Size, 0).

start_stop(Size, Size, Sum) ->
    Sum;
start_stop(First, Size, Sum) ->
    Next = min(Size, First + ?WAVE),
    [start_one(Number) || Number <- lists:seq(First, Next - 1)],
    start_stop(Next, Size, Sum + ends(Next - First, 0)).

start_one(Number) ->
    {ok, {Counter, _}} = peers_counter:start_monitor(),
    peers_counter:add(Counter, Number),
    peers_counter:finish(Counter).

%% Counters end with their sums.
ends(0, Total) ->
    Total;
ends(Count, Total) ->
    receive {'DOWN', _, process, _, {shutdown, Sum}} -> ends(Count - 1, Total + Sum) end.

%% An account is a server. So many transfers are under way at most.
bank(Size) ->
    Accounts = list_to_tuple([peers_account:start_link(self()) || _ <- lists:seq(1, ?ACCOUNTS)]),
    Done = transfer_all(0, Size, Accounts, 0),
    %% What is paid and what is taken is the same, so the balances add up to nothing.
    Done + lists:sum([peers_account:close(Account) || Account <- tuple_to_list(Accounts)]).

transfer_all(Size, Size, _, Done) ->
    Done;
transfer_all(First, Size, Accounts, Done) ->
    Next = min(Size, First + ?OPEN),
    [transfer(Number, Accounts) || Number <- lists:seq(First, Next - 1)],
    transfer_all(Next, Size, Accounts, Done + taken(Next - First, 0)).

%% Never to itself.
transfer(Number, Accounts) ->
    From = erlang:phash2({from, Number}, ?ACCOUNTS),
    To = (From + 1 + erlang:phash2({distance, Number}, ?ACCOUNTS - 1)) rem ?ACCOUNTS,
    peers_account:pay(element(From + 1, Accounts), 1, element(To + 1, Accounts)).

taken(0, Total) ->
    Total;
taken(Count, Total) ->
    receive {taken, Amount} -> taken(Count - 1, Total + Amount) end.

restarts(Size) ->
    restarts(Size, 0).

restarts(0, Sum) ->
    Sum;
restarts(Left, Sum) ->
    Count = min(Left, ?RESTARTS),
    restarts(Left - Count, Sum + supervise(Count)).

%% The intensity is one more than needed.
supervise(Count) ->
    {ok, Supervisor} = peers_supervisor:start_link(self(), Count + 1),
    Sum = fail_all(Count, next_server(), 0),
    ok = gen_server:stop(Supervisor),
    Sum.

fail_all(0, _, Sum) ->
    Sum;
fail_all(Left, Server, Sum) ->
    peers_fragile:fail(Server),
    Next = next_server(),
    fail_all(Left - 1, Next, Sum + peers_fragile:get(Next)).

next_server() ->
    receive {ready, Server} -> Server end.
