using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Core.Errors;
using Tbrm.Watch.Server;

namespace Tbrm.Watch.Tests;

/// <summary>What the server answers, to whom, while runs are being written.</summary>
public sealed class ServerTests : IDisposable
{
    private readonly HttpClient _client = new(new HttpClientHandler { AllowAutoRedirect = false });
    private RunFiles _files = null!;
    private WatchServer _server = null!;

    [SetUp]
    public async Task Start()
    {
        _files = new();
        _server = await WatchServer.Start([_files.Root], 0);
    }

    [TearDown]
    public async Task Stop()
    {
        await _server.DisposeAsync();
        _files.Dispose();
    }

    public void Dispose() => _client.Dispose();

    [TestCase("", null, null, 200)]
    [TestCase("", "attacker.example", null, 403, Description = "a name that was pointed at this machine")]
    [TestCase("", "localhost", null, 403, Description = "another port than the page's")]
    [TestCase("", null, "http://attacker.example", 403)]
    [TestCase("", null, "null", 403)]
    [TestCase("api/runs", null, null, 200)]
    [TestCase("page/watch.js", null, null, 200)]
    [TestCase("page/uplot.LICENSE", null, null, 404)]
    [TestCase("page/none.js", null, null, 404)]
    [TestCase("api/runs/99/metrics", null, null, 404)]
    [TestCase("api/runs/x/metrics", null, null, 404)]
    public async Task Requests_are_answered_or_refused(string path, string? host, string? origin, int status)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(_server.Address, path));
        request.Headers.Host = host;
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        using HttpResponseMessage response = await _client.SendAsync(request);
        Assert.That((int)response.StatusCode, Is.EqualTo(status));
        Assert.That(response.Headers.GetValues("Content-Security-Policy").Single(),
            Does.StartWith("default-src 'none';").And.Not.Contain("unsafe"));
    }

    [Test]
    public async Task Without_the_token_there_is_nothing()
    {
        string token = _server.Address.AbsolutePath.Trim('/');
        Assert.That(token, Has.Length.EqualTo(32));
        foreach (string path in new[] { "/", "/api/runs", "/" + new string('0', 32) + "/", $"/{token[..31]}/",
            $"/{token}0/" })
        {
            using HttpResponseMessage response = await _client.GetAsync(new Uri(_server.Address, path));
            Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound), path);
        }

        using HttpResponseMessage bare = await _client.GetAsync(new Uri(_server.Address, "/" + token));
        Assert.That(bare.StatusCode, Is.EqualTo(HttpStatusCode.Redirect));
        Assert.That(bare.Headers.Location!.ToString(), Is.EqualTo($"/{token}/"));
    }

    [TestCase("POST")]
    [TestCase("DELETE")]
    public async Task Nothing_can_be_changed(string method)
    {
        using HttpRequestMessage request = new(new(method), new Uri(_server.Address, "api/runs"));
        using HttpResponseMessage response = await _client.SendAsync(request);
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
    }

    [Test]
    public void It_listens_on_the_loopback_interface_alone() =>
        Assert.That(_server.Address.Host, Is.EqualTo("127.0.0.1"));

    [Test]
    public async Task Runs_are_found_below_the_folder_also_later_ones()
    {
        _files.Add("b");
        _files.Add("group/seed_1");
        Assert.That(Names(await Get("api/runs")), Is.EqualTo(new[] { "b", "group/seed_1" }));
        _files.Add("a");
        JsonObject answer = await Get("api/runs");
        Assert.That(Names(answer), Is.EqualTo(new[] { "a", "b", "group/seed_1" }));
        // A run keeps its number when others come before it.
        Assert.That(answer["runs"]![1]!["id"]!.GetValue<int>(), Is.Zero);
        Assert.That(answer["runs"]![0]!["val_best"]!.GetValue<double>(), Is.EqualTo(0.5));
    }

    [Test]
    public async Task Metrics_come_once_and_whole_lines_only()
    {
        _files.Add("run");
        await Get("api/runs");
        _files.Step("run", 1, 3);
        _files.Append("run", "{\"step\":4,\"critic/rewa");
        JsonObject first = await Get("api/runs/0/metrics");
        Assert.That(Steps(first), Is.EqualTo(new[] { 1, 2, 3 }));
        _files.Append("run", "rds/mean\":NaN}\n{\"step\":5,\"critic/rewards/mean\":\"NaN\"}\n");
        JsonObject second = await Get($"api/runs/0/metrics?from={first["next"]}&generation={first["generation"]}");
        Assert.That(second["first"]!.GetValue<int>(), Is.EqualTo(3));
        Assert.That(Steps(second), Is.SubsetOf(new[] { 4, 5 }).And.Not.Empty);
    }

    /// <summary>A run that goes on from an earlier checkpoint cuts its metrics back.</summary>
    [Test]
    public async Task A_file_that_was_cut_back_is_read_anew()
    {
        _files.Add("run");
        _files.Step("run", 1, 5);
        await Get("api/runs");
        JsonObject before = await Get("api/runs/0/metrics");
        string path = Path.Combine(_files.Run("run"), "metrics.jsonl");
        File.WriteAllLines(path, File.ReadAllLines(path).Take(2));
        JsonObject after = await Get($"api/runs/0/metrics?from={before["next"]}&generation={before["generation"]}");
        Assert.That(after["first"]!.GetValue<int>(), Is.Zero);
        Assert.That(Steps(after), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(after["generation"]!.GetValue<int>(), Is.EqualTo(before["generation"]!.GetValue<int>() + 1));
    }

    [Test]
    public async Task Responses_are_grouped_by_prompt_searched_and_paged()
    {
        _files.Add("run");
        _files.Dump("run", "rollouts", 3,
            [.. Enumerable.Range(0, 45)
            .SelectMany(p =>
            new[] { RunFiles.Response(p, "one", 1), RunFiles.Response(p, p == 7 ? "Needle" : "two", 0) })]);
        File.AppendAllText(Path.Combine(_files.Run("run"), "rollouts", "3.jsonl"), "{\"input\":\"cut sh");
        await Get("api/runs");
        Assert.That((await Get("api/runs/0/dumps"))["rollouts"]!.ToJsonString(), Is.EqualTo("[3]"));
        JsonObject last = await Get("api/runs/0/dumps/rollouts/3?page=99");
        Assert.That((int)last["pages"]!, Is.EqualTo(3));
        Assert.That((int)last["page"]!, Is.EqualTo(2));
        Assert.That(last["groups"]!.AsArray(), Has.Count.EqualTo(5));
        JsonObject found = await Get("api/runs/0/dumps/rollouts/3?q=needle");
        Assert.That((int)found["prompts"]!, Is.EqualTo(1));
        JsonNode group = found["groups"]![0]!;
        Assert.That((string?)group["input"], Is.EqualTo("prompt 7"));
        Assert.That(group["responses"]!.AsArray().Select(r => (string?)r!["output"]),
            Is.EqualTo(new[] { "one", "Needle" }));
        int row = (int)group["responses"]![1]!["row"]!;
        JsonObject response = await Get($"api/runs/0/dumps/rollouts/3/{row}");
        Assert.That(response["logp"]!.ToJsonString(), Is.EqualTo("[-0.5,-1.5]"));
        Assert.That(response["token_texts"], Is.Null, "no checkpoint, so no tokenizer");
    }

    [TestCase("api/runs/0/dumps/checkpoints/3")]
    [TestCase("api/runs/0/dumps/..%2f..%2fetc/3")]
    [TestCase("api/runs/0/dumps/rollouts/-3")]
    [TestCase("api/runs/0/dumps/rollouts/4")]
    [TestCase("api/runs/0/dumps/rollouts/3/9")]
    public async Task Other_files_cannot_be_asked_for(string path)
    {
        _files.Add("run");
        _files.Dump("run", "rollouts", 3, RunFiles.Response(0, "one", 1));
        _files.Dump("run", "checkpoints", 3, RunFiles.Response(0, "secret", 1));
        await Get("api/runs");
        using HttpResponseMessage response = await _client.GetAsync(new Uri(_server.Address, path));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
    }

    [Test]
    public async Task Differences_of_configurations_name_key_and_values()
    {
        RunConfig config = new();
        _files.Add("a", config);
        _files.Add("b", config with { Trainer = config.Trainer with { Seed = 7, RunDir = "elsewhere" } });
        await Get("api/runs");
        JsonArray keys = (await Get("api/differences?runs=0,1"))["keys"]!.AsArray();
        Assert.That(keys.Select(k => k!.ToJsonString()), Is.EqualTo(
            new[] { $$"""{"key":"trainer.seed","values":["{{config.Trainer.Seed}}","7"]}""" }));
    }

    [Test]
    public async Task A_configuration_of_another_version_is_a_sentence()
    {
        _files.Add("a");
        File.WriteAllText(Path.Combine(_files.Run("a"), "config.resolved.yaml"), "trainer: {no_such_key: 1}\n");
        await Get("api/runs");
        using HttpResponseMessage response = await _client.GetAsync(new Uri(_server.Address, "api/differences?runs=0"));
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.UnprocessableEntity));
        Assert.That(await response.Content.ReadAsStringAsync(), Does.Contain("no_such_key"));
    }

    [Test]
    public async Task A_new_step_is_an_event()
    {
        _files.Add("run");
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(60));
        await using Stream stream = await _client.GetStreamAsync(new Uri(_server.Address, "api/events"), limit.Token);
        using StreamReader reader = new(stream);
        Assert.That(await NextEvent(reader, limit.Token), Is.EqualTo("data: [0]"));
        _files.Step("run", 1, 1);
        Assert.That(await NextEvent(reader, limit.Token), Is.EqualTo("data: [0]"));
    }

    [Test]
    public void A_port_that_is_taken_is_a_sentence() =>
        Assert.That(async () => await WatchServer.Start([_files.Root], _server.Address.Port),
            Throws.TypeOf<ConfigException>().With.Message.StartsWith($"--port {_server.Address.Port}: "));

    private async Task<JsonObject> Get(string path)
    {
        using HttpResponseMessage response = await _client.GetAsync(new Uri(_server.Address, path));
        string text = await response.Content.ReadAsStringAsync();
        Assert.That(response.StatusCode, Is.EqualTo(HttpStatusCode.OK), text);
        return JsonNode.Parse(text)!.AsObject();
    }

    private static async Task<string> NextEvent(StreamReader reader, CancellationToken stop)
    {
        string? line;
        do
        {
            line = await reader.ReadLineAsync(stop);
        }
        while (line is not null && !line.StartsWith("data:", StringComparison.Ordinal));
        return line ?? "the stream ended";
    }

    private static IEnumerable<string?> Names(JsonObject answer) => answer["runs"]!.AsArray()
        .Select(r => (string?)r!["name"]);

    private static IEnumerable<int> Steps(JsonObject answer) => answer["rows"]!.AsArray().Select(r => (int)r!["step"]!);
}
