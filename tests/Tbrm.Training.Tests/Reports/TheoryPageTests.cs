using System.Collections.Generic;
using System.Linq;
using System.Xml.Linq;
using NUnit.Framework;
using Tbrm.Theory;
using Tbrm.Training.Reports.Pages;

namespace Tbrm.Training.Tests.Reports;

public sealed class TheoryPageTests
{
    [Test]
    public void The_page_has_every_part_and_its_charts()
    {
        TheoryResults results = new([new("tbrm", 0.1, 6, 0.5, 3e-16, 42)],
            [new("brm", 0.1, 0, 1e-4, [(0, 0.8), (20, 0), (40, 1e-4)])],
            [new("tbrm", 1, 5, 1, 45), new("tbrm", 2, null, null, 60)],
            [new([0, 0], 43.5, 43.5, 0.43), new([10, 0], 0.48, 74.2, 0)],
            [new(1, 39, 10, 0.1, 0.007, 0.4), new(2, 4900, 800, 0.1, 0.1, 2.9)],
            [new("tbrm", 8, 700, 3.7, 1e-12), new("reval", null, null, 0.1, 1e-3)]);
        string html = TheoryPage.ToHtml(results);
        List<XElement> drawings = HtmlCheck.Sound(html);
        Assert.That(drawings.Select(d => d.Element("title")!.Value),
            Is.EqualTo(new[] { "Adam, lr 0.1", "Adam", "L-BFGS", "J* − J" }));
        Assert.That(TheoryPart.Of(results).Select(p => p.Title),
            Has.All.Matches((string? t) => html.Contains($"<h2>{t}</h2>")));
        Assert.That(html, Does.Contain("fixed data").And.Contain("in 1 of 2 cases").And.Contain(
            "KL(pi* || pi) ends at 3e-16 nats at most, below 1e-9").And.Contain("<td class=\"n\">over 2000</td>"));
        Assert.That(drawings[3].Element("desc")!.Value,
            Does.Contain("slope 1/2: from 0.007 at C(mu) 39 to 0.07846 at C(mu) 4900"), "0.007 sqrt(4900 / 39)");
    }
}
