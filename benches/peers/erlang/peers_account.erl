%% An account of Savina's bank, which tells the teller of what it takes.
-module(peers_account).
-behaviour(gen_server).
-export([start_link/1, pay/3, close/1]).
-export([init/1, handle_call/3, handle_cast/2]).

start_link(Teller) ->
    {ok, Account} = gen_server:start_link(?MODULE, Teller, []),
    Account.

%% Has the other one take it.
pay(Account, Amount, To) -> gen_server:cast(Account, {pay, Amount, To}).

%% Stops, and gives the balance.
close(Account) -> gen_server:call(Account, close).

init(Teller) -> {ok, {0, Teller}}.

handle_call(close, _From, {Balance, _} = State) -> {stop, normal, Balance, State}.

handle_cast({pay, Amount, To}, {Balance, Teller}) ->
    gen_server:cast(To, {take, Amount}),
    {noreply, {Balance - Amount, Teller}};
handle_cast({take, Amount}, {Balance, Teller}) ->
    Teller ! {taken, Amount},
    {noreply, {Balance + Amount, Teller}}.
