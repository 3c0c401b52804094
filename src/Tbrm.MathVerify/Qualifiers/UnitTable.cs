using System;
using System.Collections.Generic;

namespace Tbrm.MathVerify.Qualifiers;

/// <summary>
/// The words that qualify a number, by what they stand for: <c>length:cm</c>. A word with several meanings (m: metre or
/// minute) has all of them, and
/// two words agree when they share one.
/// </summary>
internal static class UnitTable
{
    /// <summary>Kinds of which a number has at most one, beside its unit: 5 pm is not 5 am, whatever else is
    /// said.</summary>
    private static readonly HashSet<string> s_tags =
        ["meridiem", "era", "direction", "change", "result", "turn", "multiplier", "date"];

    /// <summary>"units", which stands for whichever unit is meant.</summary>
    public const string AnyUnit = "any:unit";

    private static readonly string[] s_lines =
    [
        "length:nm nm nanometer nanometre",
        "length:um um mcm micrometer micrometre micron",
        "length:mm mm millimeter millimetre",
        "length:cm cm centimeter centimetre",
        "length:dm dm decimeter decimetre",
        "length:m m meter metre mtr",
        "length:km km kilometer kilometre",
        "length:in in inch inches",
        "length:ft ft foot feet",
        "length:yd yd yard",
        "length:mi mi mile",
        "length:angstrom angstrom",
        "length:ly ly lightyear",
        "length:nmi nmi",
        "any:unit unit",
        "area:acre acre",
        "area:ha ha hectare",
        "volume:ml ml milliliter millilitre cc",
        "volume:ul ul mcl microliter microlitre",
        "volume:barrel barrel bbl",
        "volume:bushel bushel",
        "volume:cl cl centiliter centilitre",
        "volume:l l liter litre lt",
        "volume:gal gal gallon",
        "volume:qt qt quart",
        "volume:pint pint",
        "volume:cup cup",
        "volume:tsp tsp teaspoon",
        "volume:tbsp tbsp tablespoon",
        "mass:ug ug mcg microgram",
        "mass:mg mg milligram",
        "mass:stone stone",
        "mass:g g gm gram gramme",
        "mass:kg kg kgs kilogram kilo",
        "mass:t t tonne",
        "mass:ton ton t",
        "mass:lb lb lbs pound",
        "mass:oz oz ounce",
        "time:ns ns nanosecond",
        "time:us mcs microsecond",
        "time:ms ms millisecond",
        "time:s s sec second",
        "time:min min m minute mins",
        "time:h h hr hour hrs",
        "time:d d day",
        "time:week week wk",
        "time:month month mo",
        "time:year year yr yrs y",
        "time:decade decade",
        "time:century century centuries",
        "angle:deg deg degree",
        "angle:rad rad radian",
        "angle:grad gradian gon",
        "angle:arcmin arcminute arcmin",
        "angle:arcsec arcsecond arcsec",
        "angle:rev revolution rev",
        "temperature:C C c celsius centigrade degC",
        "temperature:F F f fahrenheit degF",
        "temperature:K K kelvin",
        "temperature:R rankine",
        "temperature:C degree deg",
        "temperature:F degree deg",
        "money:usd dollar usd USD buck $",
        "money:cad dollar cad CAD $",
        "money:aud dollar aud AUD $",
        "money:nzd dollar nzd NZD $",
        "money:sgd dollar sgd SGD $",
        "money:hkd dollar hkd HKD $",
        "money:cent cent ¢ penny pennies c",
        "money:euro euro eur EUR €",
        "money:pound pound gbp GBP £ quid",
        "money:rupee rupee rs Rs inr INR ₹",
        "money:yen yen jpy JPY ¥",
        "money:yuan yuan rmb RMB cny CNY ¥",
        "money:peso peso mxn MXN",
        "money:ruble ruble rouble rub RUB ₽",
        "money:won won krw KRW ₩",
        "money:franc franc chf CHF",
        "money:krona krona kronor sek SEK",
        "money:krone krone kroner nok NOK dkk DKK",
        "money:rand zar ZAR",
        "money:real brl BRL reais",
        "money:lira lira TRY",
        "money:baht baht thb THB",
        "money:dong vnd VND",
        "money:rupiah rupiah idr IDR",
        "money:shilling shilling",
        "money:dime dime",
        "money:nickel nickel",
        "money:quarter quarter",
        "speed:knot knot",
        "energy:j j J joule",
        "energy:kj kj kJ kilojoule",
        "energy:mj MJ megajoule",
        "energy:wh wh Wh",
        "energy:cal calorie cal",
        "energy:kcal kcal kilocalorie",
        "energy:kwh kwh kWh",
        "energy:ev ev eV",
        "energy:kev kev keV",
        "energy:mev MeV",
        "energy:gev gev GeV",
        "force:n newton N",
        "force:kn kN kilonewton",
        "power:w watt W",
        "power:kw kilowatt kW",
        "power:mW milliwatt mW",
        "power:mw megawatt MW",
        "power:gw gigawatt GW",
        "power:hp hp horsepower",
        "pressure:pa pascal Pa",
        "pressure:kpa kilopascal kPa",
        "pressure:mpa megapascal MPa",
        "pressure:atm atm atmosphere",
        "pressure:bar bar",
        "pressure:psi psi",
        "pressure:torr torr mmhg mmHg",
        "frequency:hz hertz Hz",
        "frequency:khz kilohertz kHz",
        "frequency:mhz megahertz MHz",
        "frequency:ghz gigahertz GHz",
        "voltage:v volt V",
        "voltage:mv millivolt mV",
        "voltage:kv kilovolt kV",
        "current:a ampere amp A",
        "current:ma milliampere milliamp mA",
        "resistance:ohm ohm",
        "resistance:kohm kohm kiloohm",
        "resistance:mohm Mohm megaohm",
        "amount:mol mole mol",
        "amount:mmol mmol millimole",
        "data:bit bit",
        "data:byte byte",
        "data:kb kilobyte KB kB",
        "data:mb megabyte MB",
        "data:gb gigabyte GB",
        "data:tb terabyte TB",
        "meridiem:am am a.m.",
        "meridiem:pm pm p.m.",
        "meridiem:pm noon afternoon evening",
        "meridiem:am midnight morning",
        "era:bc bc bce BC BCE",
        "era:ad ad ce AD CE",
        "direction:n north northward",
        "direction:s south southward",
        "direction:e east eastward",
        "direction:w west westward",
        "direction:ne northeast",
        "direction:nw northwest",
        "direction:se southeast",
        "direction:sw southwest",
        "direction:up up upward above",
        "direction:down down downward below",
        "direction:left left leftward",
        "direction:right right rightward",
        "turn:cw clockwise",
        "turn:ccw counterclockwise anticlockwise",
        "change:more increase more rise greater longer taller older faster",
        "change:less decrease less fall drop fewer smaller shorter younger slower",
        "result:gain profit gain",
        "result:loss loss",
        "date:1 January Jan",
        "date:2 February Feb",
        "date:3 March Mar",
        "date:4 April Apr",
        "date:5 May",
        "date:6 June Jun",
        "date:7 July Jul",
        "date:8 August Aug",
        "date:9 September Sep Sept",
        "date:10 October Oct",
        "date:11 November Nov",
        "date:12 December Dec",
        "multiplier:12 dozen",
        "multiplier:100 hundred",
        "multiplier:1000 thousand",
        "multiplier:1000000 million",
        "multiplier:1000000000 billion",
        "multiplier:1000000000000 trillion",
        "multiplier:100000 lakh",
        "multiplier:10000000 crore",
    ];

    private static readonly Dictionary<string, string[]> s_words = Index();

    private static readonly Dictionary<string, (string[] Of, string[] Per)> s_rates = new(StringComparer.Ordinal)
    {
        ["mph"] = (["length:mi"], ["time:h"]),
        ["kmh"] = (["length:km"], ["time:h"]),
        ["kph"] = (["length:km"], ["time:h"]),
        ["kmph"] = (["length:km"], ["time:h"]),
        ["mps"] = (["length:m"], ["time:s"]),
        ["fps"] = (["length:ft"], ["time:s"]),
        ["rpm"] = (["angle:rev"], ["time:min"]),
    };

    /// <summary>Whether meanings are of a kind of which a number has at most one.</summary>
    public static bool IsTag(string[] meanings) => s_tags.Contains(KindOf(meanings[0]));

    /// <summary>length of <c>length:cm</c>.</summary>
    public static string KindOf(string meaning) => meaning[..meaning.IndexOf(':', StringComparison.Ordinal)];

    /// <summary>What a word stands for: as it is written, without case, without a plural's s; null when it is not
    /// known.</summary>
    public static string[]? Find(string word)
    {
        string lower = word.ToLowerInvariant();
        return s_words.GetValueOrDefault(word) ?? s_words.GetValueOrDefault(lower)
            ?? (lower.Length > 2 && lower.EndsWith('s') ? s_words.GetValueOrDefault(lower[..^1]) : null);
    }

    /// <summary>A word for one unit per another; null for other words.</summary>
    public static (string[] Of, string[] Per)? FindRate(string word) =>
        s_rates.TryGetValue(word.ToLowerInvariant(), out (string[], string[]) rate) ? rate : null;

    /// <summary>Whether a sentence goes on with this kind of word about the number and nothing else: "5 more" may be
    /// more of the sentence.</summary>
    public static bool IsSaidOfNumbers(string[] meanings) =>
        KindOf(meanings[0]) is not ("direction" or "change" or "result" or "turn" or "date" or "any");

    /// <summary>Whether a word behind a number in a sentence is a qualifier and nothing else: "5 in all" has no inches,
    /// "5 m" may go on.</summary>
    public static bool IsUnmistakable(string word) =>
        (word.Length > 2 && word.ToLowerInvariant() is not ("second" or "quarter" or "minute"))
        || word.ToLowerInvariant() is "cm" or "mm" or "km" or "kg" or "ft" or "lb" or "oz" or "pm" or "am" or "¢"
        or "€" or "£";

    private static Dictionary<string, string[]> Index()
    {
        Dictionary<string, List<string>> lists = new(StringComparer.Ordinal);
        foreach (string line in s_lines)
        {
            string[] parts = line.Split(' ');
            foreach (string word in parts[1..])
            {
                if (!lists.TryGetValue(word, out List<string>? list))
                {
                    lists.Add(word, list = []);
                }

                list.Add(parts[0]);
            }
        }

        Dictionary<string, string[]> words = new(StringComparer.Ordinal);
        foreach ((string word, List<string> list) in lists)
        {
            words.Add(word, [.. list]);
        }

        return words;
    }
}
