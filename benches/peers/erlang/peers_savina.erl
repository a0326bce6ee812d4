%% Savina's benchmarks of actors that are no servers.
-module(peers_savina).
-export([chameneos/1, big/1, philosophers/1]).

-define(CREATURES, 100).
-define(COLOURS, 3).
-define(ACTORS, 120).
-define(SEATS, 20).

chameneos(Size) ->
    Mall = spawn(fun() -> meet(Size) end),
    peers_join:sum_of(?CREATURES, fun(Number) -> visit(Mall, Number rem ?COLOURS, 0) end).

%% Who comes when all meetings are over is sent home.
meet(0) ->
    [receive {Creature, _} -> Creature ! closed end || _ <- lists:seq(1, ?CREATURES)];
meet(Left) ->
    receive
        {One, Colour} ->
            receive
                {Other, Theirs} ->
                    One ! Theirs,
                    Other ! Colour,
                    meet(Left - 1)
            end
    end.

visit(Mall, Colour, Meetings) ->
    Mall ! {self(), Colour},
    receive
        closed -> Meetings;
        Theirs -> visit(Mall, mixed(Colour, Theirs), Meetings + 1)
    end.

%% The colour after a meeting: its own if both are the same, else the third.
mixed(Colour, Colour) -> Colour;
mixed(Ours, Theirs) -> ?COLOURS - Ours - Theirs.

big(Size) ->
    Root = self(),
    Turns = Size div ?ACTORS,
    All = list_to_tuple([spawn(fun() -> play(Number, Turns, Root) end) || Number <- lists:seq(0, ?ACTORS - 1)]),
    Actors = tuple_to_list(All),
    [Actor ! {all, All} || Actor <- Actors],
    [receive done -> ok end || _ <- Actors],
    [Actor ! stop || Actor <- Actors],
    lists:sum([receive {played, Count} -> Count end || _ <- Actors]).

play(Number, Turns, Root) ->
    receive {all, All} -> ping_others(Number, 0, Turns, All) end,
    Root ! done,
    stop = answer_pings(),
    Root ! {played, Turns}.

ping_others(_, Turns, Turns, _) ->
    ok;
ping_others(Number, Turn, Turns, All) ->
    element(1 + erlang:phash2({Number, Turn}, ?ACTORS), All) ! {ping, self()},
    pong = answer_pings(),
    ping_others(Number, Turn + 1, Turns, All).

%% Until something else comes.
answer_pings() ->
    receive
        {ping, From} -> From ! pong, answer_pings();
        Other -> Other
    end.

philosophers(Size) ->
    Arbiter = spawn(fun() -> arbitrate(0) end),
    Meals = peers_join:sum_of(?SEATS, fun(Seat) -> dine(Size div ?SEATS, forks(Seat), Arbiter), Size div ?SEATS end),
    Arbiter ! stop,
    Meals.

%% A bit for each of both.
forks(Seat) ->
    (1 bsl Seat) bor (1 bsl ((Seat + 1) rem ?SEATS)).

%% Gives both forks, or none; or takes them back, to which there is no answer.
arbitrate(Taken) ->
    receive
        {forks, Philosopher, Forks} when Taken band Forks =:= 0 -> Philosopher ! granted, arbitrate(Taken bor Forks);
        {forks, Philosopher, _} -> Philosopher ! denied, arbitrate(Taken);
        {done, Forks} -> arbitrate(Taken band bnot Forks);
        stop -> ok
    end.

dine(0, _, _) ->
    ok;
dine(Meals, Forks, Arbiter) ->
    ask(Forks, Arbiter),
    Arbiter ! {done, Forks},
    dine(Meals - 1, Forks, Arbiter).

ask(Forks, Arbiter) ->
    Arbiter ! {forks, self(), Forks},
    receive
        granted -> ok;
        denied -> ask(Forks, Arbiter)
    end.
