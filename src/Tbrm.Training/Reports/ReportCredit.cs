using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using Tbrm.Training.Reports.Charts;
using Tbrm.Training.Runs;

namespace Tbrm.Training.Reports;

/// <summary>A response token by token.</summary>
/// <param name="Score">The grader's.</param>
/// <param name="Finish">Why it ended.</param>
/// <param name="Beta">Reward units per nat.</param>
/// <param name="Tokens">Text of each token.</param>
/// <param name="Credit">Reward units, one per token; NaN where it was not finite.</param>
/// <param name="V">V of the state before each token, nats.</param>
internal sealed record CreditedResponse(double Score, string Finish, double Beta, IReadOnlyList<string> Tokens,
    IReadOnlyList<double> Credit, IReadOnlyList<double> V);

/// <summary>
/// What the policy takes each token to have earned, right and wrong answers of a prompt side by side: blue where it
/// earned, orange with a line below where it cost, the stronger the more; every number is in a table too.
/// </summary>
internal static class ReportCredit
{
    /// <summary>Strengths of a colour.</summary>
    private const int Levels = 4;

    /// <summary>Tokens of a response that are shown; the file has the whole.</summary>
    private const int MostTokens = 600;

    /// <summary>Appends the section of the newest step that has such rows, if any.</summary>
    public static void Append(StringBuilder html, RunFolder folder)
    {
        if (Newest(folder) is not var (step, prompts) || prompts.Count == 0)
        {
            return;
        }

        html.Append("<section><h2>What each token earned</h2>\n<p class=\"lead\">")
            .Append(CultureInfo.InvariantCulture,
                $"After step {step}: the credit β(Q_h − log π_ref,h − V_h+1) of every token, ")
            .Append("in reward units, as the policy's logits say it. <span class=\"credit up3\">Earned</span>, ")
            .Append(
                "<span class=\"credit down3\">cost</span>, the stronger the more; over a response they add up to its "
                    + "reward ")
            .Append("where the residual is 0. V is the value of the state before a token, in nats.</p>\n");
        int number = 0;
        foreach ((string input, string expected, List<CreditedResponse> responses) in prompts)
        {
            double largest = responses.SelectMany(r => r.Credit).Where(double.IsFinite).Select(Math.Abs)
                .DefaultIfEmpty(0).Max();
            html.Append("<div class=\"card credits\"><pre>").Append(ReportSections.Shown(input))
                .Append("</pre><p class=\"expected\">expected <code>").Append(ReportSections.Shown(expected))
                .Append("</code></p>\n<div class=\"pair\">\n");
            foreach (CreditedResponse response in responses)
            {
                AppendResponse(html, response, largest);
            }

            html.Append("</div>\n")
                .Append(new LineChart(new("V along the text", "nats, before each token", []) { X = "token" },
                [.. responses.Where(r => r.V.Count > 0).Select(r => new PlottedCurve(Label(r),
                    [.. r.V.Take(MostTokens).Select((v, h) => new CurvePoint(h + 1, v))], []))],
                string.Create(CultureInfo.InvariantCulture, $"v{number++}")).ToHtml()).Append("</div>\n");
        }

        html.Append("</section>\n");
    }

    private static void AppendResponse(StringBuilder html, CreditedResponse response, double largest)
    {
        double sum = response.Credit.Sum();
        html.Append("<div><span class=\"state ")
            .Append(response.Score >= 1 ? "good" : response.Score > 0 ? "open" : "bad")
            .Append("\">").Append(HtmlText.Escape(Label(response))).Append("</span> <small>credits add up to ")
            .Append(HtmlText.Number(sum)).Append("</small>\n<pre class=\"tokens\">");
        int shown = Math.Min(MostTokens, response.Tokens.Count);
        for (int h = 0; h < shown; h++)
        {
            html.Append("<span class=\"credit ").Append(Class(response.Credit[h], largest)).Append("\" title=\"")
                .Append(HtmlText.Escape(Describe(response, h))).Append("\">")
                    .Append(HtmlText.Escape(response.Tokens[h]))
                .Append("</span>");
        }

        html.Append("</pre>");
        if (shown < response.Tokens.Count)
        {
            html.Append(CultureInfo.InvariantCulture,
                $"<p class=\"empty\">{response.Tokens.Count - shown} more tokens</p>");
        }

        html.Append("<details><summary>Numbers</summary>\n");
        PageTable.Append(html, ["token", "credit", "V"], Enumerable.Range(0, shown).Select(h => (IReadOnlyList<string>)
            [response.Tokens[h], HtmlText.Number(response.Credit[h]), HtmlText.Number(response.V[h])]));
        html.Append("</details></div>\n");
    }

    private static string Describe(CreditedResponse response, int h) =>
        $"credit {HtmlText.Number(response.Credit[h])}, V {HtmlText.Number(response.V[h])}";

    private static string Label(CreditedResponse response) => $"score {HtmlText.Number(response.Score)}"
        + (response.Finish.Equals("length", StringComparison.OrdinalIgnoreCase) ? ", cut off" : "");

    /// <summary>up1 to up4, down1 to down4, or none where it is next to nothing.</summary>
    private static string Class(double credit, double largest)
    {
        if (!double.IsFinite(credit))
        {
            return "broken-token";
        }

        int level = largest > 0 ? (int)Math.Round(Math.Abs(credit) / largest * Levels) : 0;
        return level == 0 ? "none"
            : string.Create(CultureInfo.InvariantCulture, $"{(credit > 0 ? "up" : "down")}{level}");
    }

    private static (long Step, List<(string Input, string Expected, List<CreditedResponse> Responses)> Prompts)? Newest(
        RunFolder folder)
    {
        string path = Path.Combine(folder.Root, "credit");
        long[] steps = ReportSamples.StepsOf(path);
        if (steps.Length == 0)
        {
            return null;
        }

        List<(string Key, string Input, string Expected, CreditedResponse Response)> rows =
            [.. File.ReadLines(folder.CreditPath(steps[^1]))
                .Select(Row).OfType<(string, string, string, CreditedResponse)>()];
        return (steps[^1], [.. rows.GroupBy(r => r.Key).Select(g =>
            (g.First().Input, g.First().Expected, g.Select(r => r.Response).ToList()))]);
    }

    private static (string Key, string Input, string Expected, CreditedResponse Response)? Row(string line)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement row = json.RootElement;
            CreditedResponse response = new(Number(row.GetProperty("score")), row.GetProperty("finish").GetString()!,
                Number(row.GetProperty("beta")),
                    [.. row.GetProperty("tokens").EnumerateArray().Select(t => t.GetString() ?? "")],
                Numbers(row, "credit"), Numbers(row, "v"));
            return response.Tokens.Count == response.Credit.Count && response.Tokens.Count == response.V.Count
                ? (row.GetProperty("group").GetRawText(), row.GetProperty("input").GetString() ?? "",
                    ReportSamples.Text(row, "gts"), response)
                : null;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            // A damaged line costs its own response only.
            return null;
        }
    }

    private static double[] Numbers(JsonElement row, string key) =>
        [.. row.GetProperty(key).EnumerateArray().Select(Number)];

    private static double Number(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number ? value.GetDouble() : double.NaN;
}
