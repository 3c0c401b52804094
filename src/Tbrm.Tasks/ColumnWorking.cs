using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Tbrm.Tasks;

/// <summary>
/// A sum of integers by columns: the digits of each place are summed with the signs of their terms, one term after the
/// other, ones first.
/// <c>12 + 34 - 5</c> is worked as <c>2 6 1;1 4</c>: ones 2, 2+4 = 6, 6-5 = 1; tens 1, 1+3 = 4.
/// </summary>
internal static class ColumnWorking
{
    /// <summary>The working of an expression of chain_sum: integers with <c>+</c> and <c>-</c> between them, blanks
    /// around.</summary>
    public static string Of(string expression)
    {
        List<(int Sign, string Digits)> terms = Parse(expression);
        int places = 0;
        foreach ((int _, string digits) in terms)
        {
            places = Math.Max(places, digits.Length);
        }

        StringBuilder working = new();
        for (int place = 0; place < places; place++)
        {
            working.Append(place == 0 ? "" : ";");
            AppendColumn(working, terms, place);
        }

        return working.ToString();
    }

    private static void AppendColumn(StringBuilder working, List<(int Sign, string Digits)> terms, int place)
    {
        int total = 0;
        for (int i = 0; i < terms.Count; i++)
        {
            (int sign, string digits) = terms[i];
            int digit = place < digits.Length ? digits[^(place + 1)] - '0' : 0;
            total += sign * digit;
            working.Append(i == 0 ? "" : ",").Append(CultureInfo.InvariantCulture, $"{total}");
        }
    }

    private static List<(int Sign, string Digits)> Parse(string expression)
    {
        List<(int, string)> terms = [];
        int sign = 1;
        foreach (string word in expression.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (word is "+" or "-")
            {
                sign = word == "+" ? 1 : -1;
                continue;
            }

            bool negative = word[0] == '-';
            terms.Add((negative ? -sign : sign, negative ? word[1..] : word));
            sign = 1;
        }

        return terms;
    }
}
