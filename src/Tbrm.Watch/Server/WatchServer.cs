using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tbrm.Core.Errors;
using Tbrm.Watch.Runs;

namespace Tbrm.Watch.Server;

/// <summary>
/// Serves the page of <c>tbrm-native watch</c> on the loopback interface. Runs are only read; a token in the address
/// keeps other users of the machine and other pages of the browser out.
/// </summary>
public sealed class WatchServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private WatchServer(WebApplication app, Uri address)
    {
        _app = app;
        Address = address;
    }

    /// <summary>Where the page is, token included.</summary>
    public Uri Address { get; }

    /// <summary>Starts serving.</summary>
    /// <param name="folders">Runs, or folders that hold runs.</param>
    /// <param name="port">0: any that is free.</param>
    /// <exception cref="ConfigException">The port is taken, or not allowed.</exception>
    public static async Task<WatchServer> Start(IReadOnlyList<string> folders, int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(options =>
        {
            options.AddServerHeader = false;
            options.Limits.MaxRequestBodySize = 0;
            options.Listen(IPAddress.Loopback, port);
        });
        WebApplication app = builder.Build();
        string token = AccessRule.NewToken();
        AccessRule? rule = null;
        app.Use((context, next) => rule!.Invoke(context, next));
        app.UseRouting();
        Endpoints.Map(app, new RunIndex(folders));
        try
        {
            await app.StartAsync();
        }
        catch (Exception e) when (e is System.IO.IOException or System.Net.Sockets.SocketException)
        {
            await app.DisposeAsync();
            throw new ConfigException($"--port {port}: {e.Message} Choose another, or leave it out", e);
        }

        Uri address = new(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!
            .Addresses.First());
        rule = new(token, address.Port);
        return new(app, new($"http://127.0.0.1:{address.Port}/{token}/"));
    }

    /// <summary>Serves until the token is cancelled.</summary>
    public async Task Run(CancellationToken stop)
    {
        TaskCompletionSource ended = new();
        await using CancellationTokenRegistration registration = stop.Register(ended.SetResult);
        await ended.Task;
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(1));
        await _app.StopAsync(patience.Token);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
