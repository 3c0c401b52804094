using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Tbrm.Core.Errors;
using Tbrm.Core.Config;
using Tbrm.Training.Reports;
using Tbrm.Watch.Runs;

namespace Tbrm.Watch.Server;

/// <summary>What the page asks for: its own files, and api/: runs, metrics, rollouts, differences, events.</summary>
internal static class Endpoints
{
    private static readonly Dictionary<string, string> s_types = new()
    {
        [".html"] = "text/html; charset=utf-8",
        [".js"] = "text/javascript; charset=utf-8",
        [".css"] = "text/css; charset=utf-8",
    };

    public static void Map(IEndpointRouteBuilder routes, RunIndex index)
    {
        routes.MapGet("/", context => Asset(context, "index.html"));
        routes.MapGet("/page/{name}", context => Asset(context, (string)context.Request.RouteValues["name"]!));
        routes.MapGet("/api/runs", context => Answer(context, () => new JsonObject
        {
            ["now"] = DateTimeOffset.UtcNow.ToUnixTimeSeconds(),
            ["runs"] = new JsonArray([.. index.Find().Select(r => (JsonNode)r.Summary())]),
        }));
        routes.MapGet("/api/runs/{id:int}/metrics", context => Answer(context, () =>
            Run(context, index)?.Metrics((int)Number(context, "from", 0), (int)Number(context, "generation", -1))));
        routes.MapGet("/api/runs/{id:int}/dumps", context => Answer(context, () => Run(context, index)?.Dumps.Steps()));
        routes.MapGet("/api/runs/{id:int}/dumps/{kind}/{step:long}", context => Answer(context, () =>
            Run(context, index)?.Dumps.Page(Kind(context), Step(context), Text(context, "q"),
                (int)Number(context, "page", 0))));
        routes.MapGet("/api/runs/{id:int}/dumps/{kind}/{step:long}/{row:int}", context => Answer(context, () =>
            Response(context, index)));
        routes.MapGet("/api/differences", context => Answer(context, () => Differences(context, index)));
        routes.MapGet("/api/events", context => Events(context, index));
    }

    private static async Task Asset(HttpContext context, string name)
    {
        await using Stream? stream = typeof(Endpoints).Assembly.GetManifestResourceStream("page/" + name);
        if (stream is null || !s_types.TryGetValue(Path.GetExtension(name), out string? type))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        context.Response.ContentType = type;
        await stream.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    /// <summary>The object as JSON; 404 for null; a sentence with 422 for what the user can mend.</summary>
    private static async Task Answer(HttpContext context, Func<JsonObject?> answer)
    {
        JsonObject? content;
        try
        {
            content = answer();
            context.Response.StatusCode = content is null ? StatusCodes.Status404NotFound : StatusCodes.Status200OK;
        }
        catch (Exception e) when (e is TbrmUserException or IOException or UnauthorizedAccessException)
        {
            content = new() { ["error"] = e.Message };
            context.Response.StatusCode = StatusCodes.Status422UnprocessableEntity;
        }

        context.Response.ContentType = "application/json; charset=utf-8";
        await context.Response.WriteAsync(content?.ToJsonString() ?? "{}", context.RequestAborted);
    }

    private static JsonObject? Response(HttpContext context, RunIndex index)
    {
        int row = int.Parse((string)context.Request.RouteValues["row"]!, CultureInfo.InvariantCulture);
        WatchedRun? run = Run(context, index);
        JsonObject? response = run?.Dumps.Row(Kind(context), Step(context), row);
        if (response?["response_ids"] is JsonArray ids)
        {
            string[]? texts = run!.TokenTexts([.. ids.Select(i => i!.GetValue<int>())]);
            response["token_texts"] = texts is null ? null : new JsonArray([.. texts.Select(t => (JsonNode)t)]);
        }

        return response;
    }

    private static JsonObject Differences(HttpContext context, RunIndex index)
    {
        WatchedRun[] runs = [.. Text(context, "runs").Split(',', StringSplitOptions.RemoveEmptyEntries)
            .Select(t => int.TryParse(t, CultureInfo.InvariantCulture, out int id) ? index.Get(id) : null)
                .OfType<WatchedRun>()];
        List<RunConfig> configs = [.. runs.Select(r => r.Config())];
        return new()
        {
            ["runs"] = new JsonArray([.. runs.Select(r => (JsonNode)r.Id)]),
            ["keys"] = new JsonArray([.. ConfigDifferences.Of(configs).Select(d => (JsonNode)new JsonObject
            {
                ["key"] = d.Key,
                ["values"] = new JsonArray([.. d.Values.Select(v => (JsonNode)v)]),
            })]),
        };
    }

    /// <summary>Server-sent events: an event with the numbers of the runs whose files changed, at most one a second,
    /// and a comment every 15 seconds, so that a closed page is noticed.</summary>
    private static async Task Events(HttpContext context, RunIndex index)
    {
        CancellationToken stopping =
            context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        using CancellationTokenSource end =
            CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        context.Response.ContentType = "text/event-stream";
        Dictionary<int, string> stamps = [];
        try
        {
            for (int second = 0; ; second++)
            {
                int[] changed = [.. index.Find().Where(r => IsNew(stamps, r)).Select(r => r.Id)];
                if (changed.Length > 0)
                {
                    await Send(context, $"data: [{string.Join(',', changed)}]\n\n", end.Token);
                }
                else if (second % 15 == 0)
                {
                    await Send(context, ": \n\n", end.Token);
                }

                await Task.Delay(TimeSpan.FromSeconds(1), end.Token);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    private static bool IsNew(Dictionary<int, string> stamps, WatchedRun run)
    {
        string stamp = run.Stamp;
        bool isNew = !stamps.TryGetValue(run.Id, out string? before) || before != stamp;
        stamps[run.Id] = stamp;
        return isNew;
    }

    private static async Task Send(HttpContext context, string text, CancellationToken stop)
    {
        await context.Response.WriteAsync(text, Encoding.UTF8, stop);
        await context.Response.Body.FlushAsync(stop);
    }

    private static WatchedRun? Run(HttpContext context, RunIndex index) =>
        index.Get(int.Parse((string)context.Request.RouteValues["id"]!, CultureInfo.InvariantCulture));

    private static string Kind(HttpContext context) => (string)context.Request.RouteValues["kind"]!;

    private static long Step(HttpContext context) =>
        long.Parse((string)context.Request.RouteValues["step"]!, CultureInfo.InvariantCulture);

    private static string Text(HttpContext context, string name) => context.Request.Query[name].ToString();

    private static long Number(HttpContext context, string name, long otherwise) =>
        long.TryParse(Text(context, name), CultureInfo.InvariantCulture, out long value) ? value : otherwise;
}
