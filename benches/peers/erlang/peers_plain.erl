%% Processes and messages.
-module(peers_plain).
-export([yields/1, chain/1, spawn_join/1, skynet/1, ping_pong/1, ring/1, to_one/2, sleeps/1, oneshots/1, hot_yield/1, many_timers/1,
         catch_panics/1, fan_out/1]).

-define(YIELDERS, 1000).
-define(RING_MEMBERS, 1000).
-define(SKYNET_CHILDREN, 10).
-define(SLEEPERS, 1000).
-define(RECEIVERS, 100).

yields(Size) ->
    Turns = Size div ?YIELDERS,
    peers_join:sum_of(?YIELDERS, fun(_) -> yield_for(Turns), Turns end).

hot_yield(Size) ->
    peers_join:await(peers_join:start(fun() -> yield_for(Size), Size end)).

yield_for(0) ->
    ok;
yield_for(Turns) ->
    erlang:yield(),
    yield_for(Turns - 1).

chain(Size) ->
    Root = self(),
    spawn(fun() -> link(0, Size, 0, Root) end),
    receive {sum, Sum} -> Sum end.

link(Number, Size, Sum, Root) when Number + 1 =:= Size ->
    Root ! {sum, Sum + Number};
link(Number, Size, Sum, Root) ->
    spawn(fun() -> link(Number + 1, Size, Sum + Number, Root) end).

spawn_join(Size) ->
    peers_join:sum_of(Size, fun(Number) -> Number end).

skynet(Leaves) ->
    node(0, Leaves, self()),
    receive {sum, Sum} -> Sum end.

%% Tells its parent the sum of its leaves.
node(First, 1, Parent) ->
    Parent ! {sum, First};
node(First, Leaves, Parent) ->
    Share = Leaves div ?SKYNET_CHILDREN,
    Self = self(),
    [spawn(fun() -> node(First + Child * Share, Share, Self) end) || Child <- lists:seq(0, ?SKYNET_CHILDREN - 1)],
    Parent ! {sum, sums(?SKYNET_CHILDREN, 0)}.

sums(0, Total) ->
    Total;
sums(Count, Total) ->
    receive {sum, Sum} -> sums(Count - 1, Total + Sum) end.

ping_pong(Size) ->
    Echo = spawn(fun echo/0),
    Sum = peers_join:await(peers_join:start(fun() -> ping(0, Size, Echo, 0) end)),
    Echo ! stop,
    Sum.

echo() ->
    receive
        {From, Number} -> From ! Number, echo();
        stop -> ok
    end.

ping(Size, Size, _, Sum) ->
    Sum;
ping(Number, Size, Echo, Sum) ->
    Echo ! {self(), Number},
    receive Back -> ping(Number + 1, Size, Echo, Sum + Back) end.

%% Each member is started with the one behind it; the first gets to know its own when all are there.
ring(Size) ->
    Root = self(),
    Members = [First | _] = lists:foldl(fun(_, Later) -> [member(Later, Root) | Later] end, [], lists:seq(1, ?RING_MEMBERS)),
    lists:last(Members) ! {next, First},
    First ! Size - 1,
    sums(?RING_MEMBERS, 0).

member([], Root) ->
    spawn(fun() -> receive {next, Next} -> Root ! {sum, pass_on(Next, 0)} end end);
member([Next | _], Root) ->
    spawn(fun() -> Root ! {sum, pass_on(Next, 0)} end).

%% Passes the token on until it is spent, then the end behind it; how often the token came by.
pass_on(Next, Seen) ->
    receive
        0 -> Next ! stop, Seen + 1;
        stop -> Next ! stop, Seen;
        HopsLeft -> Next ! HopsLeft - 1, pass_on(Next, Seen + 1)
    end.

to_one(Senders, Size) ->
    Receiver = peers_join:start(fun() -> receive_lanes(Senders, Size) end),
    peers_join:await(Receiver).

%% The receiver starts its senders, so that they know it.
receive_lanes(Senders, Size) ->
    process_flag(message_queue_data, off_heap),
    Receiver = self(),
    [spawn(fun() -> send_lane(Lane, Senders, Size, Receiver) end) || Lane <- lists:seq(0, Senders - 1)],
    receive_all(Senders, 0).

send_lane(Number, Lanes, Size, Receiver) when Number < Size ->
    Receiver ! Number,
    send_lane(Number + Lanes, Lanes, Size, Receiver);
send_lane(_, _, _, Receiver) ->
    Receiver ! stop.

receive_all(0, Sum) ->
    Sum;
receive_all(Senders, Sum) ->
    receive
        stop -> receive_all(Senders - 1, Sum);
        Number -> receive_all(Senders, Sum + Number)
    end.

sleeps(Size) ->
    Turns = Size div ?SLEEPERS,
    peers_join:sum_of(?SLEEPERS, fun(Number) -> sleep_for(Turns, milliseconds(1000 + Number)), Turns end).

sleep_for(0, _) ->
    ok;
sleep_for(Turns, Nap) ->
    timer:sleep(Nap),
    sleep_for(Turns - 1, Nap).

many_timers(Size) ->
    peers_join:sum_of(Size, fun(Number) -> timer:sleep(milliseconds(1000 + erlang:phash2(Number, 9000))), 1 end).

%% Rounded up.
milliseconds(Microseconds) ->
    (Microseconds + 999) div 1000.

%% A process for each round, which answers with the reference it was given.
oneshots(Size) ->
    oneshots(0, Size, 0).

oneshots(Size, Size, Sum) ->
    Sum;
oneshots(Number, Size, Sum) ->
    Root = self(),
    Reference = make_ref(),
    spawn(fun() -> Root ! {Reference, Number} end),
    receive {Reference, Answer} -> oneshots(Number + 1, Size, Sum + Answer) end.

catch_panics(Size) ->
    catch_panics(Size, 0).

catch_panics(0, Panics) ->
    Panics;
catch_panics(Left, Panics) ->
    {_, Monitor} = spawn_monitor(fun fail/0),
    receive {'DOWN', Monitor, process, _, {on_purpose, _}} -> catch_panics(Left - 1, Panics + 1) end.

-spec fail() -> no_return().
fail() ->
    error(on_purpose).

fan_out(Size) ->
    Root = self(),
    Receivers = [spawn_opt(fun() -> Root ! {sum, receive_all(1, 0)} end, [{message_queue_data, off_heap}]) || _ <- lists:seq(1, ?RECEIVERS)],
    send_round(0, Size, Receivers, Receivers),
    [Receiver ! stop || Receiver <- Receivers],
    sums(?RECEIVERS, 0).

send_round(Size, Size, _, _) ->
    ok;
send_round(Number, Size, [], All) ->
    send_round(Number, Size, All, All);
send_round(Number, Size, [Receiver | Others], All) ->
    Receiver ! Number,
    send_round(Number + 1, Size, Others, All).
