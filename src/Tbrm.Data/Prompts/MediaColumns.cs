using System.Linq;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Tbrm.Data.Prompts;

/// <summary>
/// Finds pictures, audio and video: what a model of text cannot see. A problem whose picture is missing is not that
/// problem. Known by name
/// (<c>images</c>, <c>image_1</c>, <c>video_path</c>, <c>multi_modal_data</c>) or, whatever its name, by the form in
/// which Hugging Face's datasets keep
/// media ({bytes, path}).
/// </summary>
internal static partial class MediaColumns
{
    /// <summary>The reason why a row cannot be used; null when it has none of these, or they are empty.</summary>
    /// <param name="fields">A row, or a message.</param>
    public static string? Problem(JsonObject fields)
    {
        foreach ((string name, JsonNode? value) in fields)
        {
            if ((Named().IsMatch(name) && HoldsMedia(value)) || IsMediaFile(value)
                || (value is JsonArray list && list.Any(IsMediaFile)))
            {
                return $"'{name}' holds pictures, audio or video, which a model of text cannot see";
            }
        }

        return null;
    }

    /// <summary>Numbers and booleans (how many there are, whether there are any) hold none.</summary>
    private static bool HoldsMedia(JsonNode? value) => value switch
    {
        null => false,
        JsonArray list => list.Any(HoldsMedia),
        JsonObject structure => structure.Any(field => HoldsMedia(field.Value)),
        _ => value.GetValueKind() == JsonValueKind.String && value.GetValue<string>().Trim().Length > 0,
    };

    /// <summary>The Image and Audio features of datasets, in Parquet.</summary>
    private static bool IsMediaFile(JsonNode? value) => value is JsonObject structure && structure.Count >= 2
        && structure.ContainsKey("bytes")
        && (structure.ContainsKey("path") || structure.ContainsKey("sampling_rate"))
            && structure.Any(field => field.Value is not null);

    [GeneratedRegex(
        @"^(decoded_|input_|question_|problem_)?(images?|imgs?|pictures?|videos?|audios?|speech|pixel_values|multi_?modal_(data|inputs)|mm_data)(_?\d+)?(_(paths?|urls?|files?|bytes|base64|b64|data|list))?$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Named();
}
