using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;

namespace Tbrm.Watch.Tests;

/// <summary>A headless Chromium, driven by its DevTools protocol.</summary>
internal sealed class Browser : IAsyncDisposable
{
    private static readonly string[] s_programs =
        ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private readonly DirectoryInfo _profile = Directory.CreateTempSubdirectory("tbrm-browser-");
    private readonly ClientWebSocket _socket = new();
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromSeconds(120));
    private Process? _process;
    private string? _session;
    private int _number;

    /// <summary>The browser of this machine; null when it has none.</summary>
    public static string? Program { get; } = s_programs.FirstOrDefault(File.Exists);

    /// <summary>Starts the browser with one empty page.</summary>
    public static async Task<Browser> Start()
    {
        Browser browser = new();
        browser._process = Process.Start(new ProcessStartInfo(Program!,
            $"--headless --no-sandbox --disable-gpu --disable-quic --disable-background-networking "
                + $"--user-data-dir={browser._profile.FullName} --remote-debugging-port=0 about:blank")
        {
            RedirectStandardError = true,
        })!;
        string line;
        do
        {
            line = await browser._process.StandardError.ReadLineAsync(browser._limit.Token)
                ?? throw new InvalidOperationException("the browser ended before it listened");
        }
        while (!line.Contains("ws://", StringComparison.Ordinal));
        _ = browser._process.StandardError.ReadToEndAsync(browser._limit.Token);
        await browser._socket.ConnectAsync(new(line[line.IndexOf("ws://", StringComparison.Ordinal)..]),
            browser._limit.Token);
        JsonNode target = await browser.Send("Target.createTarget", new() { ["url"] = "about:blank" });
        JsonNode attached = await browser.Send(
            "Target.attachToTarget", new() { ["targetId"] = (string?)target!["targetId"], ["flatten"] = true });
        browser._session = (string?)attached["sessionId"];
        await browser.Send("Runtime.enable", []);
        return browser;
    }

    /// <summary>What scripts complained about: uncaught errors, console.error, refusals of the content
    /// policy.</summary>
    public System.Collections.Generic.List<string> Complaints { get; } = [];

    public Task Open(Uri address) => Send("Page.navigate", new() { ["url"] = address.ToString() });

    public Task Resize(int width, int height) => Send("Emulation.setDeviceMetricsOverride",
        new() { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = width < 600 });

    public Task Prefer(string scheme) => Send("Emulation.setEmulatedMedia",
        new()
        {
            ["features"] = new JsonArray(
            new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = scheme })
        });

    public async Task Press(string key)
    {
        await Send("Input.dispatchKeyEvent", new() { ["type"] = "keyDown", ["key"] = key, ["text"] = key });
        await Send("Input.dispatchKeyEvent", new() { ["type"] = "keyUp", ["key"] = key });
    }

    /// <summary>The value of a JavaScript expression.</summary>
    public async Task<JsonNode?> Evaluate(string expression)
    {
        JsonNode answer = await Send(
            "Runtime.evaluate", new()
            {
                ["expression"] = expression,
                ["returnByValue"] = true,
                ["awaitPromise"] = true
            });
        return answer["exceptionDetails"] is { } problem
            ? throw new InvalidOperationException($"{expression}: {problem.ToJsonString()}")
            : answer["result"]!["value"];
    }

    /// <summary>Waits until an expression is true.</summary>
    public async Task Until(string expression)
    {
        while (!((await Evaluate($"Boolean({expression})"))?.GetValue<bool>() ?? false))
        {
            await Task.Delay(50, _limit.Token);
        }
    }

    private async Task<JsonNode> Send(string method, JsonObject parameters)
    {
        int number = ++_number;
        JsonObject message = new() { ["id"] = number, ["method"] = method, ["params"] = parameters };
        if (_session is not null)
        {
            message["sessionId"] = _session;
        }

        await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, true,
            _limit.Token);
        while (true)
        {
            JsonNode answer = await Receive();
            string? happened = (string?)answer["method"];
            if (happened is "Runtime.exceptionThrown"
                || (happened is "Runtime.consoleAPICalled" && (string?)answer["params"]!["type"] == "error"))
            {
                Complaints.Add(answer["params"]!.ToJsonString());
            }

            if ((int?)answer["id"] == number)
            {
                return answer["result"] ?? throw new InvalidOperationException($"{method}: {answer.ToJsonString()}");
            }
        }
    }

    private async Task<JsonNode> Receive()
    {
        using MemoryStream text = new();
        byte[] buffer = new byte[1 << 16];
        WebSocketReceiveResult part;
        do
        {
            part = await _socket.ReceiveAsync(buffer, _limit.Token);
            text.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return JsonNode.Parse(text.ToArray())!;
    }

    public async ValueTask DisposeAsync()
    {
        _socket.Dispose();
        if (_process is { } process)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        _limit.Dispose();
        try
        {
            _profile.Delete(recursive: true);
        }
        catch (IOException)
        {
            // A child of the browser still writes; the folder is a temporary one.
        }
    }
}
