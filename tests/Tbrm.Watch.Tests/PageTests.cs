using System.Collections.Generic;
using System.Threading.Tasks;
using NUnit.Framework;
using Tbrm.Core.Config;
using Tbrm.Watch.Server;

namespace Tbrm.Watch.Tests;

/// <summary>The page in a real browser, on machines that have one (.ci/browser brings one).</summary>
public sealed class PageTests
{
    private static IEnumerable<string> Programs => Browser.Program is { } program ? [program] : [];

    [TestCaseSource(nameof(Programs))]
    public async Task Curves_rollouts_and_differences_live(string program)
    {
        Assert.That(program, Does.Exist);
        using RunFiles files = new();
        RunConfig config = new();
        files.Add("one", config);
        files.Add("two", config with { Trainer = config.Trainer with { Seed = 7 } });
        files.Step("one", 1, 5);
        files.Step("two", 1, 8);
        files.Dump("one", "rollouts", 5, RunFiles.Response(0, "<img src=x onerror=alert(1)>", 1),
            RunFiles.Response(1, "two", 0));
        await using WatchServer server = await WatchServer.Start([files.Root], 0);
        await using Browser browser = await Browser.Start();
        await browser.Resize(1400, 900);
        await browser.Open(server.Address);
        await browser.Until("document.body?.dataset.ready === 'true'");
        const string reward = "document.querySelector('figure[data-metric=\"critic/rewards/mean\"]')";
        Assert.That((int?)await browser.Evaluate("document.querySelectorAll('#runs li').length"), Is.EqualTo(2));
        Assert.That((string?)await browser.Evaluate($"{reward}.dataset.points"), Is.EqualTo("8"));

        // A step that is written while the page is open comes by itself.
        await browser.Until("document.getElementById('connection').textContent === 'live'");
        files.Step("two", 9, 3);
        await browser.Until($"{reward}.dataset.points === '11'");

        // Over tokens: one place for each, 100 a step.
        await browser.Evaluate(
            "{ const x = document.getElementById('x'); x.value = 'tokens'; x.dispatchEvent(new Event('change')); }");
        await browser.Until($"{reward}.querySelector('.u-legend .u-series').textContent.includes('tokens')");

        await browser.Press("2");
        await browser.Until("document.querySelectorAll('.response').length === 2");
        Assert.That((int?)await browser.Evaluate("document.querySelectorAll('#groups img').length"), Is.Zero,
            "text of models is text");
        await browser.Evaluate(
            "{ const s = document.getElementById('search'); s.value = 'two'; s.dispatchEvent(new Event('input')); }");
        await browser.Until("document.querySelectorAll('.response').length === 1");
        await browser.Evaluate("document.querySelector('.response button').click()");
        await browser.Until("document.querySelectorAll('.tokens span').length === 2");
        Assert.That((string?)await browser.Evaluate("document.querySelector('.tokens span').title"),
            Is.EqualTo("id 7, log-prob -0.5"));

        await browser.Press("3");
        await browser.Until("document.querySelectorAll('#difference-table td').length === 2");
        Assert.That((string?)await browser.Evaluate(
            "document.querySelector('#difference-table tr:nth-child(2)').textContent"), Does.StartWith("trainer.seed"));

        // On a phone, in the dark: nothing is wider than the screen, and the ground is dark.
        await browser.Press("1");
        await browser.Prefer("dark");
        await browser.Resize(390, 844);
        await browser.Until("document.documentElement.scrollWidth <= 390");
        Assert.That((string?)await browser.Evaluate("getComputedStyle(document.body).backgroundColor"),
            Is.EqualTo("rgb(15, 18, 23)"));
        Assert.That(browser.Complaints, Is.Empty);
    }
}
