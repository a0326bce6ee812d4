%% Starts the fragile server again, so often within a second.
-module(peers_supervisor).
-behaviour(supervisor).
-export([start_link/2]).
-export([init/1]).

start_link(Client, Restarts) -> supervisor:start_link(?MODULE, {Client, Restarts}).

init({Client, Restarts}) ->
    Fragile = #{id => fragile, start => {peers_fragile, start_link, [Client]}},
    {ok, {#{strategy => one_for_one, intensity => Restarts, period => 1}, [Fragile]}}.
