using System.IO;
using System.Text;

namespace Tbrm.Training.Reports;

/// <summary>What every page has around its content: one file, which loads nothing.</summary>
internal static class PageShell
{
    /// <summary>Up to the opening of the body.</summary>
    public static void Open(StringBuilder html, string title, bool refreshes = false) =>
        html.Append("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
            .Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
            .Append("<meta name=\"color-scheme\" content=\"light dark\">\n")
            // Nothing in the page may load anything, whatever a response holds.
            .Append("<meta http-equiv=\"Content-Security-Policy\" ")
            .Append("content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n")
            .Append(refreshes ? "<meta http-equiv=\"refresh\" content=\"20\">\n" : "")
            .Append("<title>").Append(HtmlText.Escape(title)).Append("</title>\n<style>\n").Append(Asset("report.css"))
            .Append("</style>\n</head>\n<body>\n");

    /// <summary>From the end of the footer's text.</summary>
    public static void Close(StringBuilder html) =>
        html.Append("</footer>\n<script>\n").Append(Asset("report.js")).Append("</script>\n</body>\n</html>\n");

    /// <summary>The head of a page that is no run's.</summary>
    public static void Header(StringBuilder html, string eyebrow, string title, string about) =>
        html.Append("<header>\n<p class=\"eyebrow\">").Append(HtmlText.Escape(eyebrow)).Append("</p>\n<h1>")
            .Append(HtmlText.Escape(title)).Append("</h1>\n<p class=\"about\">").Append(HtmlText.Escape(about))
            .Append("</p>\n</header>\n");

    private static string Asset(string name)
    {
        using Stream stream = typeof(PageShell).Assembly.GetManifestResourceStream("reports/" + name)!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
