using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Tbrm.Text.Tests")]
