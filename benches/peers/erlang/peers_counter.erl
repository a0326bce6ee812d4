%% Adds up, and ends with the sum.
-module(peers_counter).
-behaviour(gen_server).
-export([start_link/0, start_monitor/0, echo/2, add/2, get/1, finish/1]).
-export([init/1, handle_call/3, handle_cast/2]).

start_link() -> gen_server:start_link(?MODULE, [], []).

start_monitor() -> gen_server:start_monitor(?MODULE, [], []).

%% Answers with the number.
echo(Counter, Number) -> gen_server:call(Counter, {echo, Number}).

add(Counter, Number) -> gen_server:cast(Counter, {add, Number}).

get(Counter) -> gen_server:call(Counter, get).

%% Stops after the mail that is there.
finish(Counter) -> gen_server:cast(Counter, finish).

init([]) -> {ok, 0}.

handle_call({echo, Number}, _From, Sum) -> {reply, Number, Sum};
handle_call(get, _From, Sum) -> {reply, Sum, Sum}.

handle_cast({add, Number}, Sum) -> {noreply, Sum + Number};
handle_cast(finish, Sum) -> {stop, {shutdown, Sum}, Sum}.
