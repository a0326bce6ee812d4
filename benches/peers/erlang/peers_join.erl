%% Processes that end with a value.
-module(peers_join).
-export([start/1, await/1, collect/1, sum_of/2]).

%% Starts a process that ends with what the function gives.
start(Body) ->
    {_, Monitor} = spawn_monitor(fun() -> exit({value, Body()}) end),
    Monitor.

%% Waits for its end.
await(Monitor) ->
    receive
        {'DOWN', Monitor, process, _, {value, Value}} -> Value;
        {'DOWN', Monitor, process, _, Why} -> error({ended, Why})
    end.

%% Starts a process for each number from 0, waits for all of them, and adds up their values.
sum_of(Count, Body) ->
    start_all(0, Count, Body),
    collect(Count).

start_all(To, To, _) ->
    ok;
start_all(Number, To, Body) ->
    start(fun() -> Body(Number) end),
    start_all(Number + 1, To, Body).

%% Waits for so many of those that were started, whichever ends first, and adds up their values.
collect(Count) ->
    collect(Count, 0).

collect(0, Sum) ->
    Sum;
collect(Count, Sum) ->
    receive
        {'DOWN', _, process, _, {value, Value}} -> collect(Count - 1, Sum + Value);
        {'DOWN', _, process, _, Why} -> error({ended, Why})
    end.
