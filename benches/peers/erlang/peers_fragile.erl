%% A server that ends with an error when it is told to.
-module(peers_fragile).
-behaviour(gen_server).
-export([start_link/1, fail/1, get/1]).
-export([init/1, handle_call/3, handle_cast/2]).

%% Tells the client of itself as it starts.
start_link(Client) -> gen_server:start_link(?MODULE, Client, []).

fail(Server) -> gen_server:cast(Server, fail).

get(Server) -> gen_server:call(Server, get).

init(Client) ->
    Client ! {ready, self()},
    {ok, Client}.

handle_call(get, _From, Client) -> {reply, 1, Client}.

-spec handle_cast(fail, pid()) -> no_return().
handle_cast(fail, _) -> error(on_purpose).
