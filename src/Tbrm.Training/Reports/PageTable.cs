using System.Collections.Generic;
using System.Text;

namespace Tbrm.Training.Reports;

/// <summary>A table whose first columns are text and whose others are numbers.</summary>
internal static class PageTable
{
    /// <summary>Appends it; cells are text, not markup.</summary>
    public static void Append(StringBuilder html, IReadOnlyList<string> columns,
        IEnumerable<IReadOnlyList<string>> rows,
        int textColumns = 1)
    {
        html.Append("<div class=\"table\"><table><thead><tr>");
        for (int i = 0; i < columns.Count; i++)
        {
            html.Append(i < textColumns ? "<th scope=\"col\">" : "<th scope=\"col\" class=\"n\">")
                .Append(HtmlText.Escape(columns[i]))
                .Append("</th>");
        }

        html.Append("</tr></thead><tbody>\n");
        foreach (IReadOnlyList<string> row in rows)
        {
            html.Append("<tr>");
            for (int i = 0; i < row.Count; i++)
            {
                html.Append(i < textColumns ? "<td>" : "<td class=\"n\">").Append(HtmlText.Escape(row[i]))
                    .Append("</td>");
            }

            html.Append("</tr>\n");
        }

        html.Append("</tbody></table></div>\n");
    }
}
