%% What the same work costs in Erlang.
%%
%% Question: nanoseconds per operation of the workloads of smarm's benches (benches/src/workload.rs and benches/src/suite say what they are and what
%% an operation is), with as many schedulers as workers (`+S`).
%%
%% Processor time is what Linux says that all threads of the emulator have had (`/proc/self/task/*/schedstat`); `erlang:statistics(runtime)` leaves out
%% what the kernel does for them. The schedulers look for work for a while before they sleep, and garbage is collected, as they do by
%% default; both are in it. The start of the emulator is in no figure.
%%
%% What would be unfair: a result comes with the end of a process, which its parent monitors; a server is a `gen_server`; a mailbox has no bound, so
%% there is no `bounded`, and there are no locks, so there is no `mutex`. Processes that share nothing and are told of each other's end do more
%% than tasks behind channels.
%%
%% - Whole numbers of more than 59 bits are on the heap. `fan_out_compute`, which multiplies numbers of 64 bits, shows mostly that, so the other
%%   workloads that are made of this hash (`spawn_storm_busy`, `multi_thread_scaling`) are left out, and where it only draws lots
%%   `erlang:phash2` draws them: evenly too, but not the same.
%% - Who may get a great many messages at once has them off its heap (`message_queue_data`), as the manual advises.
%% - `restart` has a supervisor for each hundred restarts: with one for all, its search in the list of those of the last second, of which there are
%%   20 000, would be most of what is measured.
%% - Timers have whole milliseconds: naps are rounded up.
%% - Reports of crashes are off, as panic hooks are elsewhere: they are dropped by the emulator and by `logger`.
-module(peers).
-export([main/0]).

-type workload() :: {Name :: string(), Run :: fun((pos_integer()) -> integer()), Expected :: fun((pos_integer()) -> integer())}.

-spec workloads() -> [workload()].
workloads() ->
    [{"yield", fun peers_plain:yields/1, whole_times(1000)},
     {"chain", fun peers_plain:chain/1, fun triangle/1},
     {"spawnjoin", fun peers_plain:spawn_join/1, fun triangle/1},
     {"skynet", fun peers_plain:skynet/1, fun triangle/1},
     {"pingpong", fun peers_plain:ping_pong/1, fun triangle/1},
     {"ring", fun peers_plain:ring/1, fun same/1},
     {"mpsc4", fun(Size) -> peers_plain:to_one(4, Size) end, fun triangle/1},
     {"mpsc1", fun(Size) -> peers_plain:to_one(1, Size) end, fun triangle/1},
     {"sleep", fun peers_plain:sleeps/1, whole_times(1000)},
     {"call", fun peers_servers:call/1, fun triangle/1},
     {"cast", fun peers_servers:cast/1, fun triangle/1},
     {"startstop", fun peers_servers:start_stop/1, fun triangle/1},
     {"primes", fun peers_compute:primes/1, fun peers_compute:all_primes/1},
     {"fan_out_compute", fun peers_compute:hashes/1, fun peers_compute:all_hashes/1},
     {"ping_pong_oneshot", fun peers_plain:oneshots/1, fun triangle/1},
     {"yield_in_hot_loop", fun peers_plain:hot_yield/1, fun same/1},
     {"many_timers", fun peers_plain:many_timers/1, fun same/1},
     {"deep_recursion", fun peers_compute:deep_recursion/1, whole_times(1000)},
     {"catch_unwind_panics", fun peers_plain:catch_panics/1, fun same/1},
     {"chameneos", fun peers_savina:chameneos/1, fun(Size) -> 2 * Size end},
     {"big", fun peers_savina:big/1, whole_times(120)},
     {"philosophers", fun peers_savina:philosophers/1, whole_times(20)},
     {"bank", fun peers_servers:bank/1, fun same/1},
     {"nqueens", fun peers_compute:nqueens/1, fun(_) -> 724 end},
     {"fan_out", fun peers_plain:fan_out/1, fun triangle/1},
     {"restart", fun peers_servers:restarts/1, fun same/1}].

same(N) -> N.

%% 0 + 1 + .. + (N - 1)
triangle(N) -> N * (N - 1) div 2.

%% What is done if each of so many does the same whole number of turns.
whole_times(Processes) ->
    fun(Size) -> Size div Processes * Processes end.

main() ->
    try
        command(init:get_plain_arguments())
    catch
        throw:Mistake -> fail(Mistake);
        Class:Why:Stack -> fail(io_lib:format("~p: ~p~n~p", [Class, Why, Stack]))
    end,
    halt(0).

fail(Why) ->
    io:format(standard_error, "peers: ~ts~n", [Why]),
    halt(1).

command(["list"]) ->
    [io:format("~s~n", [Name]) || {Name, _, _} <- workloads()];
command(["sample", "erlang", Name, Workers, Size]) ->
    sample(find(Name), number(Workers), number(Size));
command(_) ->
    throw("usage: peers list | peers sample erlang WORKLOAD WORKERS SIZE").

find(Name) ->
    case lists:keyfind(Name, 1, workloads()) of
        false -> throw("no workload is called " ++ Name);
        Workload -> Workload
    end.

number(Word) ->
    case string:to_integer(Word) of
        {Number, ""} when Number > 0 -> Number;
        _ -> throw(Word ++ " is not a number above 0")
    end.

%% One line: erlang WORKLOAD WORKERS SIZE FIRST_WALL_NS WALL_NS CPU_NS.
sample({Name, Run, Expected}, Workers, Size) ->
    Workers =:= erlang:system_info(schedulers_online) orelse throw("start the emulator with +S " ++ integer_to_list(Workers)),
    ok = logger:set_primary_config(level, none),
    erlang:system_flag(system_logger, undefined),
    Threads = threads(),
    {First, FirstWall, _} = cost(Run, Size, Threads),
    {Second, Wall, Cpu} = cost(Run, Size, Threads),
    [throw(io_lib:format("~s of size ~b was not done in full: ~p", [Name, Size, Result]))
     || Wanted <- [Expected(Size)], Result <- [First, Second], Result =/= Wanted],
    io:format("erlang ~s ~b ~b ~b ~b ~b~n", [Name, Workers, Size, FirstWall, Wall, Cpu]).

%% Runs a workload once, in a process of its own: its result, nanoseconds on the wall and of processor time.
cost(Run, Size, Threads) ->
    CpuBefore = cpu_time(Threads),
    Started = erlang:monotonic_time(nanosecond),
    Result = peers_join:await(peers_join:start(fun() -> process_flag(message_queue_data, off_heap), Run(Size) end)),
    Wall = erlang:monotonic_time(nanosecond) - Started,
    {Result, Wall, cpu_time(Threads) - CpuBefore}.

%% Their accounts of time, opened once: the emulator has started all its threads.
threads() ->
    [begin {ok, Account} = file:open(File, [read, raw, binary]), Account end || File <- filelib:wildcard("/proc/self/task/*/schedstat")].

%% Of all threads, in nanoseconds.
cpu_time(Threads) ->
    lists:sum([time_of(Thread) || Thread <- Threads]).

time_of(Thread) ->
    {ok, Text} = file:pread(Thread, 0, 100),
    [Running | _] = string:lexemes(Text, " "),
    binary_to_integer(Running).
