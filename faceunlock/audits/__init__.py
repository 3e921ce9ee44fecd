"""Error rates and spread by groups of people, and whether their differences can be chance."""
